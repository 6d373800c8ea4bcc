export interface Settings {
  readonly minHouseholds: number;
  readonly keepDays: number;
}

/** Reads `env.CONFIG`, which the engine has checked against the manifest; defaults stand for what is not set. */
export function settingsOf(config: unknown): Settings {
  const { minHouseholds = 3, keepDays = 30 } = (config ?? {}) as Partial<Settings>;
  return { minHouseholds, keepDays };
}
