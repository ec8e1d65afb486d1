/** One model of one pool at this gateway: its queue, what it is known to cost, what was counted. No I/O. */
import type { RunReport } from '../../contract/envelope.ts';
import { mediaTypes } from '../../contract/headers.ts';
import { ModelCounters } from './counters.ts';
import { learnCost, unknownCost, type Cost } from '../policy/cost.ts';
import { countCompleted, noThroughput, type Throughput } from '../policy/throughput.ts';
import { Queue } from './queue.ts';

/** Weight of the newest answer in the rows that a byte is worth. */
const rowsWeight = 0.05;

export class ModelQueue {
  readonly model: string;
  readonly queue = new Queue();
  readonly counters = new ModelCounters();
  cost: Cost = unknownCost;
  throughput: Throughput = noThroughput;
  /** Most rows of one run, as the pods say; Infinity while none has said. */
  podMaxRows = Infinity;
  /** It stands in the pool's list of model queues that may have requests waiting. */
  listed = false;
  /** Requests with a pod. */
  inFlight = 0;
  /** Learned from answers; 1 while none came. */
  rowsPerRequest = 1;
  /** Estimated rows a byte, by whether the body is binary: the gateway sees bytes, the pods say rows. */
  readonly #rowsPerByte = { binary: 0, text: 0 };

  constructor(model: string) {
    this.model = model;
  }

  estimateRows(bytes: number, contentType: string | undefined): number {
    const rows = Math.round(bytes * this.#rowsPerByte[bodyKind(contentType)]);
    return rows > 1 ? rows : 1;
  }

  learnRows(rows: number, bytes: number, contentType: string | undefined): void {
    if (rows === 0 || bytes === 0) return;
    const kind = bodyKind(contentType);
    const known = this.#rowsPerByte[kind];
    this.rowsPerRequest += (rows - this.rowsPerRequest) * rowsWeight;
    this.#rowsPerByte[kind] = known === 0 ? rows / bytes : known + (rows / bytes - known) * rowsWeight;
  }

  learnRuns(runs: readonly RunReport[], nowMs: number): void {
    let rows = 0;
    for (const run of runs) {
      this.cost = learnCost(this.cost, run.rows, run.occupiedUs / 1000);
      rows += run.ownRows;
    }
    this.throughput = countCompleted(this.throughput, rows, this.queue.size > 0, nowMs);
  }
}

function bodyKind(contentType: string | undefined): 'binary' | 'text' {
  return contentType === mediaTypes.binary ? 'binary' : 'text';
}
