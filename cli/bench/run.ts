import type { LoadRequest, PreparedLoad } from '../../bench/load-test/prepare.ts';
import type { BenchIo } from '../io.ts';
import type { BenchFlags } from './flags.ts';

/** One invocation of `sluice bench`, ready to send load. */
export interface BenchRun {
  readonly flags: BenchFlags;
  readonly request: LoadRequest;
  readonly load: PreparedLoad;
  readonly io: BenchIo;
  /** Aborts on SIGINT and SIGTERM. */
  readonly signal: AbortSignal;
}
