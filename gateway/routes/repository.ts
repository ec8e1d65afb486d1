/**
 * The repository extension of the Open Inference Protocol, as Triton has it: index, load and unload over all pods of a model's pool. Pods
 * do the work; the scaler hears of it from the pool's words, and tells pods that start later. One pod loads after the other, so that a
 * model which ends a process ends one.
 */
import type { FastifyInstance } from 'fastify';
import { quote, SluiceError } from '../../contract/errors.ts';
import {
  IndexEntry,
  IndexRequest,
  repositoryPath,
  repositoryPaths,
  RepositoryRequest,
  type RepositoryAction,
} from '../../contract/repository.ts';
import Type from 'typebox';
import { Check } from 'typebox/value';
import { route } from '../../runtime/http/routes.ts';
import { readSmallJson } from '../../runtime/http/small-json.ts';
import type { Endpoint } from '../endpoints/endpoint.ts';
import type { PlainAnswer } from '../endpoints/pod-connection.ts';
import type { Pool } from '../pool.ts';
import type { Pools } from '../pools.ts';

/** Time that a pod has to list its models, and to load or unload one: it waits for what it has in turn. */
const indexTimeoutMs = 5_000;
const actionTimeoutMs = 150_000;

const Index = Type.Array(IndexEntry);

/** Outcome of an action at a pod. */
interface PodOutcome {
  readonly pod: string;
  /** Null where the pod did it. */
  readonly error: string | null;
  readonly status: number;
}

export function repositoryRoutes(app: FastifyInstance, pools: Pools): void {
  route(app, repositoryPaths.index, {
    right: 'observe',
    POST: async (request, reply) => {
      const { ready = false } = await readSmallJson(request.raw, IndexRequest);
      const entries = (await Promise.all([...pools.all].map(indexOf))).flat();
      const claimed = entries.filter(({ pool, entry }) => claims(pools, entry.name, pool)).map(({ entry }) => entry);
      return reply.send(ready ? claimed.filter(({ state }) => state === 'READY') : claimed);
    },
  });
  const act = (path: string, action: RepositoryAction): void => {
    route(app, path, {
      right: 'operate',
      POST: async (request, reply) => {
        const { model } = request.params as { model: string };
        const body = await readSmallJson(request.raw, RepositoryRequest);
        const { pool } = pools.find(model);
        // Pods wait for the pool's wish to load a version: the scaler must have the word by then.
        if (action === 'load') pool.say(model, action);
        const isState = pools.isFollowed && (action === 'unload' || pool.endpoints.isUnloaded(model));
        const outcomes = await actAtPods(pool, model, { action, isState, body: Buffer.from(JSON.stringify(body)) });
        const failed = outcomes.find(({ error }) => error !== null);
        if (failed !== undefined) throw failure(model, action, outcomes, failed);
        if (action === 'unload') pool.say(model, action);
        return reply.send({ pods: outcomes.map(({ pod }) => ({ name: pod, [`${action}ed`]: true })) });
      },
    });
  };
  act(repositoryPaths.load, 'load');
  act(repositoryPaths.unload, 'unload');
}

/** Whether requests for the model go to this pool: of several that name it, one has it. */
function claims(pools: Pools, model: string, pool: Pool): boolean {
  return pools.models.includes(model) && pools.find(model).pool === pool;
}

/** Pods that are up. */
function podsOf({ endpoints }: Pool): Endpoint[] {
  return [...endpoints.all].filter(({ leaving, health }) => !leaving && health.kind !== 'joining');
}

async function indexOf(pool: Pool): Promise<{ readonly pool: Pool; readonly entry: IndexEntry }[]> {
  const answers = await Promise.all(
    podsOf(pool).map((pod) => ask(pod, repositoryPaths.index, { body: Buffer.from('{}'), timeoutMs: indexTimeoutMs })),
  );
  const best = new Map<string, IndexEntry>();
  for (const answer of answers) {
    const listed: unknown = typeof answer === 'string' || answer.status !== 200 ? null : parsed(answer.body);
    if (!Check(Index, listed)) continue;
    for (const entry of listed) {
      const key = JSON.stringify([entry.name, entry.version]);
      const other = best.get(key);
      if (other === undefined || rank(entry) > rank(other)) best.set(key, entry);
    }
  }
  const entries = [...best.values()].filter(({ name }) => pool.spec.models.includes(name));
  for (const name of pool.spec.models) {
    if (entries.some((entry) => entry.name === name)) continue;
    entries.push({ name, state: 'UNAVAILABLE', reason: 'no pod has told of it' });
  }
  return entries.map((entry) => ({ pool, entry }));
}

/** A version is ready if any pod has it ready: requests go there. */
function rank({ state }: IndexEntry): number {
  return state === 'READY' ? 2 : state === 'LOADING' ? 1 : 0;
}

/** @param act `isState` says that a scaler takes the word, so that it counts without a pod too */
async function actAtPods(
  pool: Pool,
  model: string,
  { action, isState, body }: { readonly action: RepositoryAction; readonly isState: boolean; readonly body: Buffer },
): Promise<readonly PodOutcome[]> {
  const pods = podsOf(pool);
  if (pods.length === 0 && !isState) {
    const why = `no pod of pool '${pool.name}' is up to ${action} ${quote(model)}`;
    throw new SluiceError('model-not-ready', why, { retryAfterSeconds: 1 });
  }
  const one = async (pod: Endpoint): Promise<PodOutcome> => {
    const answer = await ask(pod, repositoryPath(action, model), { body, timeoutMs: actionTimeoutMs });
    if (typeof answer === 'string') return { pod: pod.name, error: answer, status: 0 };
    const { status } = answer;
    return { pod: pod.name, error: status === 200 ? null : errorIn(answer), status };
  };
  if (action === 'unload') return Promise.all(pods.map(one));
  const outcomes: PodOutcome[] = [];
  for (const pod of pods) {
    const outcome = await one(pod);
    outcomes.push(outcome);
    if (outcome.error !== null) break;
  }
  return outcomes;
}

function failure(
  model: string,
  action: RepositoryAction,
  outcomes: readonly PodOutcome[],
  { pod, error, status }: PodOutcome,
): SluiceError {
  const done = outcomes.filter((outcome) => outcome.error === null).map((outcome) => outcome.pod);
  const before = done.length === 0 ? '' : ` (done at ${done.join(', ')})`;
  // Clients of Triton look for these words.
  const message = `failed to ${action} ${quote(model)} at pod ${pod}: ${error ?? ''}${before}`;
  if (status === 404) return new SluiceError('model-not-found', message);
  if (status === 503) return new SluiceError('model-not-ready', message, { retryAfterSeconds: 1 });
  return status >= 400 && status < 500
    ? new SluiceError('load-failed', message)
    : new SluiceError('pod-failed', message);
}

/** @returns the answer, or why there is none */
function ask(
  { upstream }: Endpoint,
  path: string,
  { body, timeoutMs }: { readonly body: Buffer; readonly timeoutMs: number },
): Promise<PlainAnswer | string> {
  return new Promise((resolve) => {
    const call = upstream.post(path, body, {
      onAnswer: (answer) => {
        clearTimeout(timer);
        resolve(answer);
      },
      onLost: (_kind, detail) => {
        clearTimeout(timer);
        resolve(detail);
      },
    });
    const timer = setTimeout(() => call.abort('hung', `no answer in ${timeoutMs / 1000} s`), timeoutMs);
  });
}

function errorIn({ status, body }: PlainAnswer): string {
  const value = parsed(body);
  const error = typeof value === 'object' && value !== null && 'error' in value ? value.error : null;
  return typeof error === 'string' ? error : `it answered ${status}`;
}

function parsed(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString());
  } catch {
    return null;
  }
}
