/** What a token that a service handed out itself may be for. */
export const tokenActions = ['publish', 'yank', 'channel', 'read'] as const;
export type TokenAction = (typeof tokenActions)[number];

/** Bounds of such a token: within what its owner may do, this and nothing else. */
export interface Grant {
  readonly actions: ReadonlySet<TokenAction>;
  /** `namespace/*` or `namespace/name`. */
  readonly resources: readonly string[];
  /** Namespace in which the grant itself makes a publisher: that of the trust policy it was given under. */
  readonly namespace?: string | undefined;
}

/** Whether the resource, `namespace/name` or the whole of `namespace/*`, lies within the grant. */
export function covers({ resources }: Pick<Grant, 'resources'>, resource: string): boolean {
  const whole = `${resource.split('/', 1)[0] ?? ''}/*`;
  return resources.some((granted) => granted === resource || granted === whole);
}
