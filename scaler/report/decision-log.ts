/** Log of a pool's latest decisions, for people: a run of equal ones is one entry with a count. */
import type { DecisionRecord } from '../../contract/scaler-api.ts';

/** Entries kept: about a day of a quiet pool. */
const maxRecords = 200;

export class DecisionLog {
  readonly #records: DecisionRecord[] = [];
  readonly #onRecord: (record: DecisionRecord) => void;

  constructor(onRecord: (record: DecisionRecord) => void) {
    this.#onRecord = onRecord;
  }

  /** Records, oldest first. */
  get records(): readonly DecisionRecord[] {
    return this.#records;
  }

  /** Goes on from the records of another process. */
  continue(records: readonly DecisionRecord[]): void {
    this.#records.splice(0, this.#records.length, ...records.slice(-maxRecords));
  }

  /** @returns false if the record repeats the last one */
  add(record: Omit<DecisionRecord, 'untilMs' | 'times'>): boolean {
    const last = this.#records.at(-1);
    const { kind, from, to, reason, outcome } = record;
    const repeated =
      last?.kind === kind && last.from === from && last.to === to && last.reason === reason && last.outcome === outcome;
    if (repeated) {
      // Inputs of the latest repetition are kept: they tell why the decision still holds.
      this.#records[this.#records.length - 1] = {
        ...record,
        atMs: last.atMs,
        untilMs: Math.max(last.untilMs, record.atMs),
        times: last.times + 1,
      };
      return false;
    }
    const whole = { ...record, untilMs: record.atMs, times: 1 };
    this.#records.push(whole);
    if (this.#records.length > maxRecords) this.#records.shift();
    this.#onRecord(whole);
    return true;
  }

  /**
   * Adds the outcome of a decision to scale, once its write is answered.
   * @param atMs time of the decision
   */
  outcome(atMs: number, outcome: string): void {
    const index = this.#records.findLastIndex((record) => record.atMs === atMs && record.kind === 'scale');
    const record = this.#records[index];
    if (record === undefined) return;
    this.#records[index] = { ...record, outcome };
    this.#onRecord(this.#records[index]);
  }
}
