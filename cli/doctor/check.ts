/** One thing that `sluice doctor` looked at. */
export interface Check {
  readonly area: 'machine' | 'repository' | 'cluster';
  readonly name: string;
  /** `bad`: it will not work; `warn`: it works less well, or only in part. */
  readonly level: 'ok' | 'warn' | 'bad';
  /** Finding, with its numbers; of one that isn't `ok`, what to do as well. */
  readonly text: string;
}
