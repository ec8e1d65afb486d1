/** Requests that a load generator sends to one model: bodies of one kind, in turn. */
export interface Workload {
  readonly model: string;
  readonly path: string;
  /** Path of each body, where they differ. */
  readonly paths?: readonly string[];
  readonly headers: Readonly<Record<string, string>>;
  readonly bodies: readonly Buffer[];
}
