/** A real gateway on a free port, whose cluster is whatever the test says it is. */
import type { AddressInfo } from 'node:net';
import type { TestContext } from 'node:test';
import { pino } from 'pino';
import { Agent, request } from 'undici';
import type { Cluster, ClusterView } from '../../cluster/port.ts';
import { parseModelPool, type ModelPool } from '../../contract/model-pool.ts';
import { buildGateway, type Gateway } from '../../gateway/app.ts';
import { testGuard } from '../../runtime/testing/secret.ts';
import { StandInPod } from './stand-in-pod.ts';

export interface Answered {
  readonly status: number;
  readonly body: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}

export class TestCluster implements Cluster {
  #listener: ((view: ClusterView) => void) | undefined;
  #view: ClusterView | undefined;

  show(view: ClusterView): void {
    this.#view = view;
    this.#listener?.(view);
  }

  watch(listener: (view: ClusterView) => void): () => void {
    this.#listener = listener;
    if (this.#view !== undefined) listener(this.#view);
    return () => (this.#listener = undefined);
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

export interface Harness {
  readonly gateway: Gateway;
  readonly cluster: TestCluster;
  readonly pods: readonly StandInPod[];
  readonly pool: ModelPool;
  predict(body: string, headers?: Record<string, string>, model?: string): Promise<Answered>;
  call(
    method: 'GET' | 'POST' | 'DELETE',
    path: string,
    body?: string | null,
    headers?: Record<string, string>,
  ): Promise<Answered>;
  metric(line: string): Promise<number>;
}

export function poolOf(spec: Record<string, unknown>): ModelPool {
  const parsed = parseModelPool({
    apiVersion: 'sluice.dev/v1alpha1',
    kind: 'ModelPool',
    metadata: { name: 'pool' },
    spec: { models: ['echo'], ...spec },
  });
  if (parsed.pool === null) throw new Error(parsed.errors.join('; '));
  return parsed.pool;
}

/** Starts a gateway that ends with the test. */
export async function startGateway(
  t: TestContext,
  podCount: number,
  spec: Record<string, unknown> = {},
): Promise<Harness> {
  const pool = poolOf(spec);
  const pods = Array.from({ length: podCount }, (_, index) => new StandInPod(String(index), pool.spec.models));
  await Promise.all(pods.map((pod) => pod.start()));
  const cluster = new TestCluster();
  cluster.show({ pools: [pool], pods: pods.map((pod) => pod.pod) });
  const gateway = buildGateway({
    cluster,
    log: pino({ level: process.env['TEST_LOG'] ?? 'silent' }),
    version: 'test',
    name: 'test',
    guard: testGuard(),
  });
  await gateway.app.listen({ host: '127.0.0.1', port: 0, backlog: 4096 });
  await gateway.admin.listen({ host: '127.0.0.1', port: 0 });
  const client = new Agent({ connections: 512, headersTimeout: 0, bodyTimeout: 0 });
  t.after(async () => {
    for (const pod of pods) pod.stop();
    await client.destroy();
    await gateway.close();
  });
  const origin = (app: 'app' | 'admin') => `http://127.0.0.1:${(gateway[app].server.address() as AddressInfo).port}`;
  const call: Harness['call'] = async (method, path, body = null, headers = {}) => {
    const answer = await request(`${origin('app')}${path}`, { method, body, headers, dispatcher: client });
    return { status: answer.statusCode, body: await answer.body.text(), headers: answer.headers };
  };
  return {
    gateway,
    cluster,
    pods,
    pool,
    call,
    predict: (body, headers = {}, model = 'echo') =>
      call('POST', `/v2/models/${model}/infer`, body, { 'content-type': 'application/json', ...headers }),
    metric: async (line) => {
      const scrape = await request(`${origin('admin')}/metrics`, { dispatcher: client });
      const text = await scrape.body.text();
      const found = text.split('\n').find((other) => other.startsWith(`${line} `));
      if (found === undefined) throw new Error(`no line '${line}' among the metrics`);
      return Number(found.slice(line.length + 1));
    },
  };
}

/** Polls until `condition` holds. The limit is for a hang: no machine is so busy that it judges. */
export async function until(
  what: string,
  condition: () => boolean | Promise<boolean>,
  limitMs = 60_000,
): Promise<void> {
  const end = performance.now() + limitMs;
  while (!(await condition())) {
    if (performance.now() > end) throw new Error(`not within ${limitMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
