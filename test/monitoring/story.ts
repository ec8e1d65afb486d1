/**
 * Events that give every panel something to show: a pool that grows to its maximum and sheds, a cold start, a pod that
 * hangs and is replaced, and stand-in pods that fail in every way the gateway distinguishes.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { signalIfThere } from '../support/processes.ts';
import type { Prometheus, Series } from '../support/prometheus.ts';
import { eventually } from '../support/scaling.ts';
import { Client, json, simpleInputs, type Payload } from '../support/requests.ts';
import { StandInPod } from '../support/stand-in-pod.ts';
import { startScraped, type ScrapedSystem } from './scraped-system.ts';
import { withTestSecret } from '../../runtime/testing/secret.ts';

export interface Story extends AsyncDisposable {
  readonly scraped: ScrapedSystem;
  tell(): Promise<void>;
}

const simple = json({ inputs: simpleInputs() });

function indexOf(value: number): Payload {
  return json({ inputs: [{ name: 'index', datatype: 'INT64', shape: [1], data: [value] }] });
}

export async function startStory(): Promise<Story> {
  const frail = Array.from({ length: 4 }, (_, index) => new StandInPod(`frail-${index}`, ['frail']));
  const lost = new StandInPod('lost', ['lost']);
  const skewed = ['1', '2'].map((version) => new StandInPod(`skewed-${version}`, ['skewed'], { version }));
  const standIns = [...frail, lost, ...skewed];
  await Promise.all(standIns.map((pod) => pod.start()));
  const objective = { latencyMs: 1_000, percentile: 99 };
  const health = { ejectAfterFailures: 1, maxEjectedRatio: 0.5 };
  const requests = { timeoutMs: 60_000 };
  const endpoints = (pods: readonly StandInPod[]) => pods.map(({ pod }) => pod.origin!);
  const scraped = await startScraped(
    {
      slow: { models: ['slow'], objective, requests, scaling: { minReplicas: 1, maxReplicas: 2 } },
      steady: {
        models: ['steady', 'brittle'],
        objective,
        requests: { timeoutMs: 5_000 },
        scaling: { minReplicas: 2, maxReplicas: 3 },
      },
      cold: {
        models: ['cold'],
        objective,
        requests: { ...requests, coldStartHoldMs: 500 },
        scaling: { minReplicas: 0, maxReplicas: 1 },
      },
      looping: { models: ['looping'], scaling: { minReplicas: 1, maxReplicas: 1 } },
      coupled: { models: ['coupled'], scaling: { minReplicas: 1, maxReplicas: 1 } },
      // Its pods have never heard of the second one.
      frail: { models: ['frail', 'absent'], requests, health, endpoints: endpoints(frail) },
      // Its pods have nothing in common.
      skewed: { models: ['skewed'], requests, endpoints: endpoints(skewed), shareSecretWithEndpoints: true },
      lost: { models: ['lost'], objective, requests, endpoints: endpoints([lost]) },
    },
    // A drain that can't end is given up soon, and the watch in service looks often.
    { SLUICE_DRAIN_LIMIT_MS: '3000', SLUICE_WATCH_CPU_SHARE: '0.2' },
  );
  const client = new Client(scraped.system.origin, { connections: 512, limitMs: 120_000 });
  return {
    scraped,
    tell: async () => {
      await hasBegun(scraped.prometheus);
      const background = new Background(client);
      background.every(200, 'frail', json('{}'));
      background.every(100, 'steady', simple);
      background.every(1_000, 'brittle', indexOf(9));
      // No pod serves one, and nothing fits the other.
      background.every(500, 'absent', json('{}'));
      background.every(500, 'looping', json('{"inputs":[]}'));
      background.every(1_000, 'slow', json('{"inputs":[]}'));
      const events = [
        grows(client),
        startsColdAndDrains(client, scraped),
        isReplaced(scraped),
        isUnbatched(client, scraped.prometheus),
        losesItsPod(scraped.prometheus, client, lost, background),
        failEachInItsWay(scraped.prometheus, client, frail),
      ];
      await Promise.all(events)
        .then(() => crashesAgainAndAgain(scraped))
        .finally(() => background.stop());
      await stopFor(15_000, scraped.system.pidsOf('gateway'));
      await stopFor(5_000, scraped.system.pidsOf('scaler'));
      await losesItsGateway(scraped);
      // A last scrape of every target.
      await delay(3_000);
    },
    [Symbol.asyncDispose]: async () => {
      for (const pod of standIns) pod.stop();
      await client.close();
      await scraped[Symbol.asyncDispose]();
    },
  };
}

/** Requests at a steady rate, whatever becomes of them. */
class Background {
  readonly #client: Client;
  readonly #timers: NodeJS.Timeout[] = [];
  readonly #open = new Set<Promise<unknown>>();

  constructor(client: Client) {
    this.#client = client;
  }

  every(ms: number, model: string, payload: Payload): void {
    this.#timers.push(
      setInterval(() => {
        const request = this.#client.infer(model, payload).catch(() => undefined);
        this.#open.add(request);
        void request.then(() => this.#open.delete(request));
      }, ms),
    );
  }

  async stop(): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer);
    await Promise.all(this.#open);
  }
}

/** Four times what the pool can do at its most: it grows, is at its maximum, sheds, and is late. */
async function grows(client: Client): Promise<void> {
  const open: Promise<unknown>[] = [];
  for (let count = 0; count < 600; count += 1) {
    open.push(client.infer('slow', simple));
    // Some can't wait as long as a run takes.
    if (count % 10 === 0)
      open.push(client.infer('slow', { ...simple, headers: { ...simple.headers, 'sluice-timeout-ms': '300' } }));
    await delay(25);
  }
  await Promise.all(open);
}

/** Waits until Prometheus has scraped every counter at 0; otherwise the first increments are lost. */
async function hasBegun(prometheus: Prometheus): Promise<void> {
  await eventually(
    'gateway and scaler are scraped',
    () => prometheus.query('count_over_time(up{job="sluice"}[1m]) > 3'),
    (series) => series.length === 2,
    60_000,
  );
}

/** A pool without a pod: who can't wait for one is refused, and one comes. Then somebody drains it by hand for a while. */
async function startsColdAndDrains(client: Client, { podOrigins, prometheus }: ScrapedSystem): Promise<void> {
  await eventually(
    'it has started',
    () => client.infer('cold', simple),
    ({ status }) => status === 200,
    120_000,
  );
  const drain = `${podOrigins.get('cold')!}/drain`;
  // Prometheus takes some seconds to find what is new, and nobody else keeps the drain for so long.
  const drains = async () => {
    await fetch(drain, { method: 'POST', headers: withTestSecret });
    return prometheus.query('sluice_pod_draining == 1');
  };
  await eventually('it is seen to drain', drains, isSomething, 60_000);
  await fetch(drain, { method: 'DELETE', headers: withTestSecret });
}

/** Rows that change one another, as no proof could know: the watch in service sees it, and the model is batched no longer. */
async function isUnbatched(client: Client, prometheus: Prometheus): Promise<void> {
  const row = (first: number): Payload =>
    json({ inputs: [{ name: 'x', datatype: 'FP32', shape: [1, 4], data: [first, 1, 2, 3] }] });
  await eventually(
    'a model is unbatched',
    async () => {
      await Promise.all(
        Array.from({ length: 24 }, (_, index) => client.infer('coupled', row(index === 11 ? 777.25 : index))),
      );
      return prometheus.query('sluice_model_unbatched_in_service == 1');
    },
    isSomething,
    120_000,
  );
}

/**
 * A pod hangs: it is ejected, found sick, drained as far as it goes, and evicted. Its drain lasts for seconds, in which a busy
 * machine may leave no scrape: another pod hangs then, until one has been seen to drain.
 */
async function isReplaced(scraped: ScrapedSystem): Promise<void> {
  const hung = new Set<number>();
  // Some requests first, so that there is a normal to compare with.
  await delay(5_000);
  await eventually(
    'a drain and its end are scraped',
    async () => {
      await hangsUntilEvicted(scraped, hung);
      // The query looks at whole seconds.
      await delay(2_000);
      return scraped.prometheus.query(drainsSeen);
    },
    isSomething,
    240_000,
  );
}

const drainsSeen =
  'max(max_over_time(sluice_scaler_draining_replicas{pool="steady"}[30m])) > 0 ' +
  'and max(max_over_time(increase(sluice_scaler_drains_total{pool="steady"}[5s])[30m:1s])) > 0';

/** @param hung processes that hung before, which may be ending still; one more is added */
async function hangsUntilEvicted({ system, prometheus }: ScrapedSystem, hung: Set<number>): Promise<void> {
  const evicted = 'sum(sluice_scaler_replacements_total{pool="steady",outcome="evicted"})';
  const before = (await prometheus.query(evicted))[0]?.value ?? 0;
  const pid = system.podPids().find((each) => isOfPool(each, 'steady') && !hung.has(each))!;
  hung.add(pid);
  process.kill(pid, 'SIGSTOP');
  try {
    await eventually('the pod is replaced', () => prometheus.query(`${evicted} > ${before}`), isSomething, 120_000);
  } finally {
    // Whoever runs it may have killed it meanwhile.
    signalIfThere(pid, 'SIGCONT');
  }
}

/** The gateway is killed whenever it is back, until the scaler is seen without one. */
async function losesItsGateway({ system, prometheus }: ScrapedSystem): Promise<void> {
  await eventually(
    'there is no gateway',
    () => {
      for (const pid of system.pidsOf('gateway')) process.kill(pid, 'SIGKILL');
      return prometheus.query('sluice_scaler_gateways_expected == 0');
    },
    isSomething,
    60_000,
  );
}

/** The process of a pod is killed whenever it is back, until it is seen to crash again and again, and to need a person. */
async function crashesAgainAndAgain({ system, prometheus }: ScrapedSystem): Promise<void> {
  await eventually(
    'the pool is stalled',
    () => {
      for (const pid of system.podPids().filter((each) => isOfPool(each, 'looping'))) process.kill(pid, 'SIGKILL');
      return prometheus.query('sluice_scaler_condition{pool="looping",type="Stalled",status="True"} == 1');
    },
    isSomething,
    120_000,
  );
}

/** Whether a process is a pod of this pool, by its environment: only Linux says so, and elsewhere no Prometheus is here either. */
function isOfPool(pid: number, pool: string): boolean {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'utf8').includes(`SLUICE_POD_NAME=${pool}-`);
  } catch {
    // The process has ended meanwhile.
    return false;
  }
}

/** The only pod of a pool is lost, and its requests wait, more and more, until somebody is told. */
async function losesItsPod(
  prometheus: Prometheus,
  client: Client,
  pod: StandInPod,
  background: Background,
): Promise<void> {
  await client.infer('lost', json('{}'));
  pod.die();
  background.every(500, 'lost', json('{}'));
  await eventually(
    'an alert fires',
    () => prometheus.query('ALERTS{alertname="SluiceAllPodsEjected",alertstate="firing",pool="lost"}'),
    isSomething,
    120_000,
  );
  await pod.start();
}

async function failEachInItsWay(prometheus: Prometheus, client: Client, pods: readonly StandInPod[]): Promise<void> {
  const [first, second] = pods;
  for (const kind of ['errors', 'garbage', 'half', 'hang', 'busy'] as const) {
    first!.behaviour = { kind };
    await delay(3_000);
    first!.behaviour = { kind: 'well' };
    await delay(2_000);
  }
  // Lost with much in flight: what they held goes on alone, one after the other.
  for (const pod of pods) pod.behaviour = { kind: 'slow', ms: 700 };
  const held = Array.from({ length: 32 }, () => client.infer('frail', json('{}')));
  await delay(300);
  first!.die();
  second!.die();
  await Promise.all(held);
  for (const pod of pods) pod.behaviour = { kind: 'mortal', word: 'poison' };
  const reviver = setInterval(() => {
    for (const pod of pods) pod.start().catch(() => undefined);
  }, 50);
  reviver.unref();
  const { status, text } = await client.infer('frail', json('{"poison":1}'));
  assert.equal(status, 500, text);
  await eventually(
    'all serve again',
    () => prometheus.query(`sluice_pods{pool="frail",state="serving"} == ${pods.length}`),
    isSomething,
    60_000,
  );
  clearInterval(reviver);
}

function isSomething(series: readonly Series[]): boolean {
  return series.length > 0;
}

/** Stops a process for `ms`. */
async function stopFor(ms: number, [pid]: readonly number[]): Promise<void> {
  process.kill(pid!, 'SIGSTOP');
  try {
    await delay(ms);
  } finally {
    process.kill(pid!, 'SIGCONT');
  }
}
