/**
 * Knowledge of a model whose rows vary in length: rows and elements by the bytes of a request, the cost of runs by
 * the size of their rows, and the present mix of sizes. Models whose rows are of one size have none of it. No I/O.
 *
 * Work is counted in row equivalents: a unit takes as long as one more row of the first size that was learned. From the first
 * request that was estimated on it stays as it is, so that what waits keeps its unit while costs are learned.
 */
import type { RunReport } from '../../contract/envelope.ts';
import { mediaTypes } from '../../contract/headers.ts';
import { unknownCost, type Cost } from '../policy/cost.ts';
import { learnSizedCost, lineOf, unknownSizedCost } from '../policy/sized-cost.ts';
import { emptySizeTable, estimateSize, learnSize, type RequestSize } from '../policy/sizes.ts';
import type { PredictRequest } from './request.ts';

/** Sums over the requests that wait. */
export interface WaitingWork {
  readonly rows: number;
  /** Row equivalents of a mean row. */
  readonly rowWork: number;
  /** Shapes among the waiting requests. */
  readonly shapes: number;
}

type SizedRun = Pick<RunReport, 'rows' | 'occupiedUs'> & { readonly rowElements: number };
/** Parts of an admitted request that its cost depends on. */
export type SentRequest = Pick<RequestSize, 'rowElements' | 'shape'> & { readonly estimatedRows: number };
/** Parts of a request that a gateway sees without parsing it. */
export type RequestBody = Pick<PredictRequest, 'bytes' | 'contentType' | 'inferenceHeaderLength'>;

/** Text bodies are of one shape to the gateway: how often they share a run is learned. */
const textShape = -1;
/** Runs that means over runs look back on, about. */
const meanRuns = 50;
/** Requests that means over requests look back on, about: more, since a request of one mix may take 60 times as long as another. */
const meanRequests = 200;
/** Least share of a run of one row that a unit of work is. */
const minUnitShare = 0.05;

export class ModelSizes {
  #cost = unknownSizedCost;
  #binary = emptySizeTable;
  #text = emptySizeTable;
  /** Milliseconds of a pod for one unit of work; 0 before the first run. */
  #unitMs = 0;
  #unitIsFixed = false;
  /** Size of the first run. */
  #firstElements = 0;
  /** Milliseconds per run, mean over the last runs. */
  #runMs = 0;
  #largestWork = 0;
  /** Learned cost of work that shares one run. */
  #lineOfWork: Cost = unknownCost;
  /** Means over the last requests. */
  #requests = 0;
  #rowsPerRequest = 1;
  #rowsMsPerRequest = 0;
  #elementsPerRequest = 0;
  /** Means over the last envelopes: rows after the first, and runs after the first. */
  #moreRows = 0;
  #moreRuns = 0;

  /** Cost of work that shares one run: `a` milliseconds and `c` for each unit. */
  get cost(): Cost {
    return this.#lineOfWork;
  }

  /** Mean rows of a request; null before the first answer. */
  get rowsPerRequest(): number | null {
    return this.#requests === 0 ? null : this.#rowsPerRequest;
  }

  /** Mean elements of a row; null before the first answer. */
  get rowElements(): number | null {
    return this.#requests === 0 ? null : this.#elementsPerRequest / this.#rowsPerRequest;
  }

  /** Milliseconds of one row in the present mix. */
  get rowMs(): number {
    return this.#requests === 0 ? this.#unitMs : this.#rowsMsPerRequest / this.#rowsPerRequest;
  }

  /** Chance that a row brings a run of its own to an envelope. */
  get #runsPerRow(): number {
    return this.#moreRows > 0 ? Math.min(1, this.#moreRuns / this.#moreRows) : 0;
  }

  /** Cost of rows in the present mix: rows of many lengths bring runs of their own. */
  get costOfRows(): { readonly a: number; readonly c: number } {
    const runsMs = this.#runMs * this.#runsPerRow;
    return { a: this.#runMs - runsMs, c: this.rowMs + runsMs };
  }

  estimate({ bytes, contentType, inferenceHeaderLength }: RequestBody): RequestSize {
    const binary = contentType === mediaTypes.binary;
    const dataBytes = dataBytesOf(bytes, inferenceHeaderLength);
    const size = estimateSize(binary ? this.#binary : this.#text, dataBytes);
    if (size === null || this.#unitMs === 0) return { rows: 1, work: 1, rowElements: 0, shape: 0 };
    this.#unitIsFixed = true;
    const { rows, rowElements } = size;
    const ownMs = lineOf(this.#cost, rowElements).c * rows + (binary ? 0 : this.#runMs * this.#runsPerRow);
    const shape = binary ? 1 + Math.round(dataBytes / rows) : textShape;
    return { rows, work: ownMs / this.#unitMs, rowElements, shape };
  }

  learnRequest(rows: number, rowElements: number, { bytes, contentType, inferenceHeaderLength }: RequestBody): void {
    const dataBytes = dataBytesOf(bytes, inferenceHeaderLength);
    if (contentType === mediaTypes.binary) this.#binary = learnSize(this.#binary, dataBytes, rows, rowElements);
    else this.#text = learnSize(this.#text, dataBytes, rows, rowElements);
    this.#requests = Math.min(this.#requests + 1, meanRequests);
    this.#rowsPerRequest += (rows - this.#rowsPerRequest) / this.#requests;
    this.#elementsPerRequest += (rows * rowElements - this.#elementsPerRequest) / this.#requests;
    this.#rowsMsPerRequest += (lineOf(this.#cost, rowElements).c * rows - this.#rowsMsPerRequest) / this.#requests;
  }

  learnRun({ rows, occupiedUs, rowElements }: SizedRun): void {
    const learned = learnSizedCost(this.#cost, rows, rowElements, occupiedUs / 1000);
    if (learned === this.#cost) return;
    this.#cost = learned;
    const { samples, p99Ratio } = learned;
    const { a, c } = lineOf(learned, rowElements);
    if (this.#firstElements === 0) this.#firstElements = rowElements;
    if (!this.#unitIsFixed) {
      const unit = lineOf(learned, this.#firstElements);
      this.#unitMs = Math.max(unit.c, minUnitShare * (unit.a + unit.c));
    }
    this.#runMs += (a - this.#runMs) * Math.max(2 / (samples + 1), 1 / meanRuns);
    this.#largestWork = Math.max(this.#largestWork, (c * rows) / this.#unitMs);
    const largestRows = this.#largestWork;
    this.#lineOfWork = { ...unknownCost, a: this.#runMs, c: this.#unitMs, samples, largestRows, p99Ratio };
  }

  /** Learns how many runs the rows of one envelope came to. */
  learnSharing(rows: number, runs: number): void {
    if (rows < 2) return;
    this.#moreRows += (rows - 1 - this.#moreRows) / meanRuns;
    this.#moreRuns += (runs - 1 - this.#moreRuns) / meanRuns;
  }

  /** Cost of what waits, as a line over its rows: each shape is a run, and each `maxRows` rows. */
  costOf({ rows, rowWork, shapes }: WaitingWork, maxRows: number): Cost {
    const runs = Math.max(1, shapes, Math.ceil(rows / maxRows));
    const { c, largestRows } = this.#lineOfWork;
    const moreRunsMs = rows > 0 ? (this.#runMs * (runs - 1)) / rows : 0;
    return { ...this.#lineOfWork, c: c * rowWork + moreRunsMs, largestRows: largestRows / rowWork };
  }

  /** Milliseconds that a pod needs for the requests of one envelope. */
  predictMs(requests: readonly SentRequest[], maxRows: number): number {
    let totalMs = 0;
    const rowsByShape = new Map<number, number>();
    for (const { estimatedRows, rowElements, shape } of requests) {
      const { a, c } = rowElements > 0 ? lineOf(this.#cost, rowElements) : { a: this.#runMs, c: this.rowMs };
      const before = rowsByShape.get(shape) ?? 0;
      const runs = Math.ceil((before + estimatedRows) / maxRows) - Math.ceil(before / maxRows);
      rowsByShape.set(shape, before + estimatedRows);
      totalMs += c * estimatedRows + a * runs;
      if (shape === textShape && runs === 0) totalMs += a * this.#runsPerRow;
    }
    return totalMs;
  }
}

/** Bytes of the tensors of a binary body, without the JSON before them; all of another body. */
function dataBytesOf(bytes: number, inferenceHeaderLength: string | undefined): number {
  if (inferenceHeaderLength === undefined) return bytes;
  const dataBytes = bytes - Number(inferenceHeaderLength);
  return dataBytes > 0 ? dataBytes : bytes;
}
