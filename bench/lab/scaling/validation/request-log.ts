/** Endings of a replay's requests, by intended send time. */
import { isGood, isRejection, lagMs, notSent, Recorder, type Ending } from '../../../load-test/recorder.ts';

export class RequestLog extends Recorder {
  readonly missedAtMs: number[] = [];
  readonly lagsMs: number[] = [];
  readonly endings: Record<string, number> = {};
  late = 0;
  shed = 0;
  failed = 0;
  answered = 0;
  readonly #startAtMs: number;
  readonly #objectiveMs: number;

  constructor(startAtMs: number, lengthMs: number, objectiveMs: number) {
    super(startAtMs, startAtMs + lengthMs);
    this.#startAtMs = startAtMs;
    this.#objectiveMs = objectiveMs;
  }

  override sent(intendedMs: number, sentMs: number, roomMs: number = intendedMs): void {
    this.lagsMs.push(lagMs(intendedMs, sentMs, roomMs));
  }

  override unsent(intendedMs: number): void {
    this.ended(intendedMs, intendedMs, intendedMs, notSent);
  }

  override ended(intendedMs: number, _sentMs: number, endedMs: number, ending: Ending): void {
    this.endings[ending] = (this.endings[ending] ?? 0) + 1;
    const good = isGood(ending);
    if (good) this.answered += 1;
    if (good && endedMs - intendedMs <= this.#objectiveMs) return;
    this.missedAtMs.push(intendedMs - this.#startAtMs);
    if (good) this.late += 1;
    else if (isRejection(ending)) this.shed += 1;
    else this.failed += 1;
  }
}
