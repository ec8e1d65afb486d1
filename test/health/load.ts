/** Good requests by a plan, to both gateways in turns, each accounted for: its status and its numbers. */
import { Client, json, readInferAnswer, simpleInputs } from '../support/requests.ts';
import type { GatewayOrigins } from '../support/told.ts';
import { traffics, type Traffic } from './plan.ts';

export interface Account {
  sent: number;
  right: number;
}

const tickMs = 20;
const zeros = new Array<number>(784).fill(0);

export class HealthLoad {
  readonly accounts: Readonly<Record<Traffic, Account>> = {
    language: { sent: 0, right: 0 },
    sums: { sent: 0, right: 0 },
    times: { sent: 0, right: 0 },
    rare: { sent: 0, right: 0 },
  };
  readonly failures: string[] = [];
  readonly #clients: readonly Client[];
  readonly #rateOf: (traffic: Traffic) => number;
  readonly #owed = new Map<Traffic, number>();
  readonly #open = new Set<Promise<void>>();
  readonly #timer: NodeJS.Timeout;
  #lastMs = performance.now();

  constructor(gateways: readonly GatewayOrigins[], rateOf: (traffic: Traffic) => number) {
    this.#clients = gateways.map(({ origin }) => new Client(origin, { connections: 256, limitMs: 90_000 }));
    this.#rateOf = rateOf;
    this.#timer = setInterval(() => this.#tick(), tickMs);
  }

  #tick(): void {
    const nowMs = performance.now();
    for (const traffic of traffics) {
      // A second that a starved process missed is not made up for: at once it would be a spike that nobody planned.
      const sinceMs = Math.min(1_000, nowMs - this.#lastMs);
      let due = (this.#owed.get(traffic) ?? 0) + (this.#rateOf(traffic) * sinceMs) / 1_000;
      for (; due >= 1; due -= 1) this.send(traffic);
      this.#owed.set(traffic, due);
    }
    this.#lastMs = nowMs;
  }

  send(traffic: Traffic): void {
    const account = this.accounts[traffic];
    const number = account.sent;
    account.sent += 1;
    const client = this.#clients[number % this.#clients.length]!;
    const asked = ask(client, traffic, number).then(
      (problem) => {
        if (problem === null) account.right += 1;
        else this.failures.push(`${traffic}, request ${number}: ${problem}`);
      },
      (error: unknown) => this.failures.push(`${traffic}, request ${number}: ${String(error)}`),
    );
    const one: Promise<void> = asked.then(() => void this.#open.delete(one));
    this.#open.add(one);
  }

  async end(): Promise<void> {
    clearInterval(this.#timer);
    await Promise.all(this.#open);
    await Promise.all(this.#clients.map((client) => client.close()));
  }
}

/** @returns what is wrong with the answer; null where it is right */
async function ask(client: Client, traffic: Traffic, number: number): Promise<string | null> {
  const seed = number % 100_000;
  switch (traffic) {
    case 'language':
      return judge(
        await client.infer(
          'langid',
          json({ inputs: [{ name: 'text', datatype: 'BYTES', shape: [1], data: ['Guten Morgen, wie geht es dir?'] }] }),
        ),
        ({ data }) => data[0] === 'deu',
      );
    case 'sums':
      return judge(
        await client.infer('sums', json({ inputs: simpleInputs(seed) })),
        ({ data }) => data.length === 16 && data.every((sum, index) => sum === 4 * seed + index + 1),
      );
    case 'times':
      return judge(
        await client.infer('times', json({ inputs: [{ name: 'x', datatype: 'FP32', shape: [1, 1], data: [3] }] })),
        ({ data, version }) => data[0] === 3 * Number(version),
      );
    case 'rare':
      return judge(
        await client.infer(
          'mlp',
          json({ inputs: [{ name: 'input', datatype: 'FP32', shape: [1, 784], data: zeros }] }),
        ),
        ({ data }) => data.length === 10 && data.every(Number.isFinite),
      );
  }
}

function judge(
  answer: Awaited<ReturnType<Client['infer']>>,
  isRight: (read: { readonly data: readonly unknown[]; readonly version: string }) => boolean,
): string | null {
  if (answer.status !== 200) return `${answer.status} ${answer.text.slice(0, 300)}`;
  const { outputs, model_version: version } = readInferAnswer(answer);
  return isRight({ data: outputs[0]!.data ?? [], version }) ? null : `a wrong answer: ${answer.text.slice(0, 300)}`;
}
