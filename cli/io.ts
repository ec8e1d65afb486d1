/** Environment and output of the commands, passed in so that tests can replace them. */
export interface ProgramIo {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly print: (text: string) => void;
}

export interface BenchIo extends Pick<ProgramIo, 'print'> {
  /** Shows a status line that replaces the previous one; without it no progress is shown. */
  readonly progress?: (line: string) => void;
}
