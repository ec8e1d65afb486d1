/**
 * Text in which a leader leaves its last hour of decisions and its idle clocks to the next one. Small, since it travels with each
 * write of the status: decisions that held lose their inputs first, then the oldest ones go. Made anew for a new decision, and each
 * minute while pods are idle.
 */
import { deflateRawSync, inflateRawSync } from 'node:zlib';
import { Check } from 'typebox/value';
import { HandoverParts, IdleClocks, type Handover } from '../../contract/handover.ts';
import { maxHandoverLength } from '../../contract/pool-status.ts';
import { DecisionRecord } from '../../contract/scaler-api.ts';

/** Time for which decisions are kept. */
const keptMs = 3_600_000;
/** Time after which idle clocks that go on are written again. */
const renewMs = 60_000;
/** Size that a text of another version or of nobody's may inflate to. */
const maxInflatedBytes = 4 * 1024 * 1024;

export class HandoverText {
  #text: string | null = null;
  #last: DecisionRecord | undefined;
  #madeAtMs = -Infinity;

  /** @param records oldest first */
  update(records: readonly DecisionRecord[], idle: IdleClocks | null, nowMs: number): string | null {
    const last = records.at(-1);
    const isSame = last?.atMs === this.#last?.atMs && last?.outcome === this.#last?.outcome;
    const hasIdle = idle?.neededAgoMs.some((agoMs) => agoMs > 0) === true;
    if (this.#text !== null && isSame && !(hasIdle && nowMs - this.#madeAtMs >= renewMs)) return this.#text;
    this.#last = last;
    this.#madeAtMs = nowMs;
    this.#text = encodeHandover(records, idle, nowMs);
    return this.#text;
  }
}

export function encodeHandover(records: readonly DecisionRecord[], idle: IdleClocks | null, nowMs: number): string {
  const recent = records.filter(({ untilMs }) => nowMs - untilMs <= keptMs).map(rounded);
  const whole = textOf(recent, idle);
  if (whole.length <= maxHandoverLength) return whole;
  const shortened = recent.map((record) =>
    record.kind === 'hold' ? { ...record, inputs: {}, arithmetic: [] } : record,
  );
  for (let kept = shortened; ; kept = kept.slice(Math.ceil(kept.length / 8))) {
    const text = textOf(kept, idle);
    if (text.length <= maxHandoverLength || kept.length === 0) return text;
  }
}

/** @returns what this version can read of it, since a later one may have written it; null for a text that is no handover */
export function decodeHandover(text: string): Handover | null {
  try {
    const bytes = inflateRawSync(Buffer.from(text, 'base64'), { maxOutputLength: maxInflatedBytes });
    const value: unknown = JSON.parse(bytes.toString());
    if (!Check(HandoverParts, value)) return null;
    const { format, idle, decisions } = value;
    const readable = decisions.filter((record): record is DecisionRecord => Check(DecisionRecord, record));
    return { format, idle: Check(IdleClocks, idle) ? idle : null, decisions: readable };
  } catch {
    return null;
  }
}

/** Inputs with the digits that people are shown. */
function rounded(record: DecisionRecord): DecisionRecord {
  const inputs = Object.fromEntries(
    Object.entries(record.inputs).map(([name, value]) => [
      name,
      typeof value !== 'number' || Number.isInteger(value) ? value : Number(value.toPrecision(4)),
    ]),
  );
  return { ...record, inputs };
}

function textOf(decisions: readonly DecisionRecord[], idle: IdleClocks | null): string {
  const handover: Handover = { format: 1, idle, decisions: [...decisions] };
  return deflateRawSync(JSON.stringify(handover)).toString('base64');
}
