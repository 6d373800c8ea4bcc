/** Who this service is; for answers about itself. */
export class ServiceInfo {
  /** Address the service listens on; known once it listens. */
  listeningUrl: string | undefined;
  readonly startedAtMs = Date.now();

  constructor(
    readonly name: string,
    readonly version: string,
    readonly audience: string,
    readonly issuers: readonly string[],
    /** Folder the service keeps its state in. */
    readonly stateDir: string,
    readonly gitHash: string,
    readonly releaseDate: string,
    private readonly configuredUrl: string | undefined,
    private readonly fallbackUrl: string,
  ) {}

  /** Address clients use: the configured one, else where the service listens. No slash at the end. */
  get publicUrl(): string {
    return this.configuredUrl ?? this.listeningUrl ?? this.fallbackUrl;
  }
}
