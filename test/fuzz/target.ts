/** The system that a fuzz run attacks, as processes of its own, and the ways to send one input and to judge what came of it. */
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { withTestSecret } from '../../runtime/testing/secret.ts';
import { makeRepository } from '../support/repository.ts';
import { startSystem, type System } from '../support/system.ts';
import { Languages } from './answers.ts';
import { wrongEnvelope } from './envelopes.ts';
import type { Input, Port, RequestInput } from './input.ts';
import { MemoryProbe } from './memory.ts';
import { models, repositoryContent } from './models.ts';
import { Pipeline, requestBytes } from './pipeline.ts';
import { runSocket, wrongOutcome } from './sockets.ts';
import { wrongResponse } from './verdict.ts';

const pods = 2;
/** Secret of the system, which envelopes carry as those of a gateway do. */
const connections = 4;
/** Connections for requests whose refusal ends their connection, and with it what is behind them. */
const frailConnections = 12;
/** Addresses of this machine that inputs come from, none of them a good client's. */
const attackers = Array.from({ length: 64 }, (_, index) => `127.0.1.${index + 1}`);

export interface Outcome {
  /** Status of the first answer; null without one. */
  readonly status: number | null;
  readonly problem: string | null;
}

export class Target {
  readonly system: System;
  readonly memory: MemoryProbe;
  /** Log lines of an error or worse. */
  readonly errors: readonly string[];
  readonly #origins: Readonly<Record<Port, readonly string[]>>;
  readonly #pipelines: Readonly<Record<Port, readonly Pipeline[]>>;
  readonly #frail: Readonly<Record<Port, readonly Pipeline[]>>;
  readonly #languages = new Languages();
  readonly #end: () => Promise<void>;
  #sent = 0;

  private constructor(parts: Pick<Target, 'system' | 'memory' | 'errors'> & { readonly end: () => Promise<void> }) {
    this.system = parts.system;
    this.memory = parts.memory;
    this.errors = parts.errors;
    this.#end = parts.end;
    this.#origins = { client: [this.system.origin], admin: [this.system.adminOrigin], pod: podOrigins(this.system) };
    const pipelinesTo = (port: Port, count: number): Pipeline[] =>
      attackers
        .slice(0, count)
        .map((localAddress, index) => new Pipeline({ origin: this.#originAt(port, index), localAddress }));
    const of = (count: number) => ({ client: pipelinesTo('client', count), admin: [], pod: pipelinesTo('pod', count) });
    this.#pipelines = of(connections);
    this.#frail = of(frailConnections);
  }

  static async start(): Promise<Target> {
    const repository = await makeRepository(repositoryContent);
    const memory = await MemoryProbe.create();
    // Inputs that go past the gateway make its pods look slow to it.
    const health = { maxEjectedRatio: 0 };
    const scaling = { minReplicas: pods, maxReplicas: pods };
    const pool = {
      apiVersion: 'sluice.dev/v1alpha1',
      kind: 'ModelPool',
      metadata: { name: 'fuzz' },
      spec: { models: models.map(({ name }) => name), scaling, health },
    };
    const pools = path.join(repository.directory, 'pools.yaml');
    await writeFile(pools, JSON.stringify(pool));
    const errors: string[] = [];
    const system = await startSystem(['--repository', repository.directory, '--pools', pools], {
      env: memory.env,
      onLine: (line) => {
        // Without JSON it is a message of Node itself, as of an uncaught error.
        if (/"level":(50|60)/.test(line) || !line.startsWith('{')) errors.push(line);
      },
    });
    const end = async (): Promise<void> => {
      await system.stop();
      await Promise.all([repository.remove(), memory.remove()]);
    };
    return new Target({ system, memory, errors, end });
  }

  /** Times that requests were sent again, as their connection had ended. */
  get resent(): number {
    return this.#allPipelines().reduce((sum, { resent }) => sum + resent, 0);
  }

  /** @param isAnswered whether an answer must come: a socket with broken bytes is left soon, since often none does */
  async run(input: Input, isAnswered = input.valid): Promise<Outcome> {
    this.#sent += 1;
    if (input.kind === 'sockets') {
      const origin = this.#originAt(input.port, this.#sent);
      const localAddress = attackers[this.#sent % attackers.length]!;
      const outcome = await runSocket({ origin, localAddress, isAnswered }, input);
      return { status: outcome.answers[0]?.status ?? null, problem: wrongOutcome(input, outcome) };
    }
    return this.#request(input);
  }

  async #request(input: RequestInput): Promise<Outcome> {
    const headers = input.kind === 'envelopes' ? { ...input.headers, ...withTestSecret } : input.headers;
    const pipelines = (endsConnection(input) ? this.#frail : this.#pipelines)[input.port];
    try {
      const answer = await pipelines[this.#sent % pipelines.length]!.send(
        requestBytes(input.path, headers, input.body),
      );
      const judge = input.kind === 'envelopes' ? wrongEnvelope : wrongResponse;
      return { status: answer.status, problem: judge(input, answer, this.#languages) };
    } catch (error) {
      return { status: null, problem: (error as Error).message };
    }
  }

  #originAt(port: Port, index: number): string {
    const origins = this.#origins[port];
    return origins[index % origins.length]!;
  }

  #allPipelines(): Pipeline[] {
    return [this.#pipelines, this.#frail].flatMap((byPort) => Object.values(byPort).flat());
  }

  async end(): Promise<void> {
    for (const pipeline of this.#allPipelines()) pipeline.close();
    await this.#end();
  }
}

/** Whether a request may be refused before its end, which ends its connection. */
function endsConnection({ kind, path: place, headers, valid }: RequestInput): boolean {
  if (valid) return false;
  const isRoute = /^\/v[12]\/models\/\w+(\/versions\/1)?(\/infer|:predict)$/.test(place);
  return kind === 'envelopes' || !isRoute || headers['content-type']?.startsWith('application/') !== true;
}

function podOrigins({ output }: System): string[] {
  const line = output.find((text) => text.includes('"msg":"running"')) ?? '';
  return (JSON.parse(line) as { pods: { origin: string }[] }).pods.map(({ origin }) => origin);
}
