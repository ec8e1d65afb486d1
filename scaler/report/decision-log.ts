/** The last decisions of a pool, for people: a run of equal ones is one entry that says how often. */
import type { DecisionRecord } from '../../contract/scaler-api.ts';

/** About as many changes as a day has, where little happens. */
const remembered = 200;

export class DecisionLog {
  readonly #records: DecisionRecord[] = [];
  readonly #onRecord: (record: DecisionRecord) => void;

  constructor(onRecord: (record: DecisionRecord) => void) {
    this.#onRecord = onRecord;
  }

  /** Oldest first. */
  get records(): readonly DecisionRecord[] {
    return this.#records;
  }

  /** @returns false: it is the last one again */
  add(record: Omit<DecisionRecord, 'untilMs' | 'times'>): boolean {
    const last = this.#records.at(-1);
    const { kind, from, to, reason, outcome } = record;
    const again =
      last?.kind === kind && last.from === from && last.to === to && last.reason === reason && last.outcome === outcome;
    if (again) {
      // The inputs are those of the last time: what a person wants to know is why it still holds.
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
    if (this.#records.length > remembered) this.#records.shift();
    this.#onRecord(whole);
    return true;
  }

  /** What became of the decision to scale of this cycle, known only when its write has an answer. */
  outcome(atMs: number, outcome: string): void {
    const index = this.#records.findLastIndex((record) => record.atMs === atMs && record.kind === 'scale');
    const record = this.#records[index];
    if (record === undefined) return;
    this.#records[index] = { ...record, outcome };
    this.#onRecord(this.#records[index]);
  }
}
