/** A good client beside attackers, at an address of its own: sends a few requests a second, and checks each answer. */
import { setTimeout as delay } from 'node:timers/promises';
import { Client, json, readInferAnswer, simpleInputs } from '../support/requests.ts';

export class Neighbour {
  readonly failures: string[] = [];
  sent = 0;
  readonly #client: Client;
  readonly #everyMs: number;
  #running = true;
  readonly #ended: Promise<void>;

  constructor(origin: string, everyMs: number) {
    this.#client = new Client(origin, { limitMs: 60_000 });
    this.#everyMs = everyMs;
    this.#ended = this.#run();
  }

  async #run(): Promise<void> {
    const open = new Set<Promise<void>>();
    while (this.#running) {
      const one = this.#ask(this.sent).finally(() => open.delete(one));
      open.add(one);
      this.sent += 1;
      await delay(this.#everyMs);
    }
    await Promise.all(open);
  }

  async #ask(seed: number): Promise<void> {
    try {
      const answer = await this.#client.infer('simple', json({ inputs: simpleInputs(seed % 1000) }));
      const data = answer.status === 200 ? readInferAnswer(answer).outputs[0]!.data : undefined;
      // Sums of seed + index and 3 · seed + 1.
      const right = data?.length === 16 && data.every((sum, index) => sum === 4 * (seed % 1000) + index + 1);
      if (!right) this.failures.push(`${answer.status} ${answer.text.slice(0, 200)}`);
    } catch (error) {
      this.failures.push(String(error));
    }
  }

  async end(): Promise<void> {
    this.#running = false;
    await this.#ended;
    await this.#client.close();
  }
}
