/** Good requests on schedule while faults happen, each accounted for: answered right once, refused with a reason, or lost with its gateway. */
import { setTimeout as delay } from 'node:timers/promises';
import { Client, json, readInferAnswer, simpleInputs } from '../support/requests.ts';

/** Reasons that a fault explains: there was no pod, or each that had the request was lost. */
const explained =
  /became ready within|no pod of pool|is loading|is not ready|predicted to be longer|\(\d+ bytes\) wait.*, of at most|no answer within the deadline|deadline passed|were? lost before|the gateway is ending|connections/;

export class FaultLoad {
  sent = 0;
  right = 0;
  /** Refusals with a reason, by status. */
  readonly refused = new Map<number, number>();
  /** Connections that ended without an answer while the gateway was away. */
  lost = 0;
  readonly failures: string[] = [];
  readonly #client: Client;
  readonly #mayBeLost: (sentMs: number) => boolean;
  #running = true;
  readonly #ended: Promise<void>;

  /** @param mayBeLost whether a request that was sent then may have met a gateway that was killed */
  constructor(origin: string, perSecond: number, mayBeLost: (sentMs: number) => boolean) {
    this.#client = new Client(origin, { limitMs: 90_000 });
    this.#mayBeLost = mayBeLost;
    this.#ended = this.#run(1000 / perSecond);
  }

  async #run(everyMs: number): Promise<void> {
    const open = new Set<Promise<void>>();
    while (this.#running) {
      const one = this.ask(this.sent).finally(() => open.delete(one));
      open.add(one);
      await delay(everyMs);
    }
    await Promise.all(open);
  }

  async ask(seed: number): Promise<void> {
    this.sent += 1;
    const base = seed % 100_000;
    const sentMs = performance.now();
    try {
      const answer = await this.#client.infer('simple', json({ inputs: simpleInputs(base) }));
      if (answer.status === 200) {
        // Sums of base + index and 3 · base + 1, which no other request has.
        const data = readInferAnswer(answer).outputs[0]!.data!;
        if (data.length === 16 && data.every((sum, index) => sum === 4 * base + index + 1)) this.right += 1;
        else this.failures.push(`a wrong answer to request ${base}: ${answer.text.slice(0, 200)}`);
      } else if (answer.status >= 502 && explained.test(answer.text)) {
        this.refused.set(answer.status, (this.refused.get(answer.status) ?? 0) + 1);
      } else {
        this.failures.push(`${answer.status} without a reason: ${answer.text.slice(0, 200)}`);
      }
    } catch (error) {
      if (this.#mayBeLost(sentMs)) this.lost += 1;
      else this.failures.push(`no answer, though the gateway was there: ${String(error)}`);
    }
  }

  async end(): Promise<void> {
    this.#running = false;
    await this.#ended;
  }

  close(): Promise<void> {
    return this.#client.close();
  }
}
