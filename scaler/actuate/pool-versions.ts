/**
 * Versions of one pool's models: asks pods what they have, and as the leader tells them what the pool wishes. What is wished is the
 * policy's decision, and the pool's status keeps it over leaders and times without pods. Works in every mode of scaling, since it
 * scales nothing.
 */
import type { ScalerPod } from '../../cluster/scalable.ts';
import { staysOut, type PoolModel, type WishedModel } from '../../contract/model-versions.ts';
import type { PodStatus } from '../../contract/pod-status.ts';
import { ModelWords } from '../observe/model-words.ts';
import type { PoolSnapshot } from '../observe/snapshot.ts';
import type { PodVersions } from '../policy/pod-versions.ts';
import { decideVersions, type VersionDecision } from '../policy/versions.ts';
import type { PoolContext } from '../pool-context.ts';
import type { VersionAnswer } from './version-calls.ts';

/** Interval of calls to a pod that has nothing to change; longer in large pools, so that few calls are made at once. */
const settledMs = 2_000;
const msPerPod = 20;
/** Interval at which a wish that has not changed is sent again: pods without one for long load what they find by themselves. */
const renewalMs = 8_000;
/** Calls of one cycle at most, so that a pool of hundreds of pods doesn't ask all of them in one turn. */
const maxCallsAtOnce = 50;

/** A pod's process as far as its versions are known. */
interface KnownPod {
  readonly process: string;
  /** Null before the first answer. */
  models: PodStatus['models'] | null;
  /** By its last answer; `loading` before the first. */
  state: PodStatus['state'];
  /** Memory that it may take; undefined where nothing limits it, or before the first answer. */
  memoryBytes: number | undefined;
  /** Whether it is a pod of this system; null before the first answer. */
  isPeer: boolean | null;
  /** False for a pod from before wishes. */
  takesWishes: boolean;
  askedAtMs: number;
  /** Wish that was sent last, as text, and when. */
  sent: { readonly text: string; readonly atMs: number } | null;
}

/** Status of a server of another make, which tells nothing. */
const foreignStatus: Pick<PodStatus, 'state' | 'models' | 'memoryLimitBytes'> = { state: 'ready', models: [] };

const nothingKnown: VersionDecision = { models: [], trials: [], pardons: new Map(), wishes: new Map() };

export class PoolVersions {
  readonly #context: PoolContext;
  readonly #known = new Map<string, KnownPod>();
  readonly #words: ModelWords;
  #decision: VersionDecision = nothingKnown;
  /** Wish for each pod, by UID, as text. */
  #texts: ReadonlyMap<string, string> = new Map();
  #decidedOn = '';
  /** Number of the last wishes. Never starts anew: a leader that loses its lease to nobody leads again in the same term. */
  #generation = 0;
  #changes = 0;
  #led = false;

  constructor(context: PoolContext) {
    this.#context = context;
    this.#words = new ModelWords(context.clock.wallMs());
  }

  /** Takes one step. @returns the versions of the pool, by the leader's decision or its last status */
  tick({ pods, pool, gateways }: PoolSnapshot, leading: boolean): readonly PoolModel[] {
    const { cluster } = this.#context;
    // A scaler that stands by hears them too, and knows them when it leads.
    this.#words.take(this.#context.pool, gateways);
    if (!leading) {
      this.#led = false;
      this.#known.clear();
      return cluster.statusOf(this.#context.pool)?.models ?? [];
    }
    if (!this.#led) this.#takeOver();
    this.#follow(pods);
    this.#decide(pods, pool.spec.models);
    this.#call(pods);
    return this.#decision.models;
  }

  /** Continues from what the last leader wrote. */
  #takeOver(): void {
    const { cluster, pool } = this.#context;
    this.#led = true;
    this.#decidedOn = '';
    this.#decision = { ...nothingKnown, models: cluster.statusOf(pool)?.models ?? this.#decision.models };
  }

  /** Forgets pods and processes that are gone. */
  #follow(pods: readonly ScalerPod[]): void {
    const existing = new Map(pods.map((pod) => [pod.uid, pod]));
    for (const [uid, known] of this.#known) {
      const pod = existing.get(uid);
      if (pod !== undefined && processOf(pod) === known.process) continue;
      this.#known.delete(uid);
    }
    for (const pod of pods) {
      if (pod.origin === null || pod.isPeer !== true || this.#known.has(pod.uid)) continue;
      this.#known.set(pod.uid, {
        process: processOf(pod),
        models: null,
        state: 'loading',
        memoryBytes: undefined,
        isPeer: null,
        takesWishes: true,
        askedAtMs: -Infinity,
        sent: null,
      });
    }
  }

  #decide(pods: readonly ScalerPod[], listed: readonly string[]): void {
    const views = pods.flatMap((pod): PodVersions[] => {
      const known = this.#known.get(pod.uid);
      if (pod.isPeer !== true || known?.isPeer === false) return [];
      const votes = pod.phase === 'Ready' && pod.draining === null && known?.state !== 'draining';
      const { uid, name, lastExit } = pod;
      const crash = isCrash(lastExit) ? lastExit : undefined;
      return [
        {
          uid,
          name,
          process: processOf(pod),
          votes,
          models: known?.models ?? null,
          isStarting: known === undefined || known.state === 'loading',
          crash,
          memoryBytes: known?.memoryBytes,
        },
      ];
    });
    const { unloaded } = this.#words;
    const loaded = this.#words.takeLoads();
    const on = JSON.stringify([
      this.#changes,
      listed,
      [...unloaded],
      views.map(({ uid, process, votes, crash }) => [uid, process, votes, crash]),
    ]);
    if (on === this.#decidedOn && loaded.size === 0) return;
    this.#decidedOn = on;
    const before = this.#decision;
    this.#decision = decideVersions(before, views, { listed, unloaded, loaded });
    const texts = new Map([...this.#decision.wishes].map(([uid, models]) => [uid, JSON.stringify(models)]));
    if (!isSameMap(texts, this.#texts)) this.#generation += 1;
    this.#texts = texts;
    for (const model of this.#decision.models)
      this.#tell(
        model,
        before.models.find(({ name }) => name === model.name),
      );
  }

  #tell(model: PoolModel, before: PoolModel | undefined): void {
    const { pool, log, cluster } = this.#context;
    const { name, version, hash, generation, skewed = false, unloaded = false } = model;
    if (generation !== before?.generation) {
      const was = before?.version;
      log.info({ pool, model: name, version, hash, was, generation }, 'the default version of a model is set');
      if (was !== undefined) {
        const message = `requests for ${name} without a version are answered by version ${version}, before by ${was}`;
        cluster.emit({ pool, type: 'Normal', reason: 'VersionSwitched', message });
      }
    }
    if (unloaded !== (before?.unloaded ?? false)) {
      log.info(
        { pool, model: name, unloaded },
        unloaded ? 'a model is unloaded by request' : 'a model may be loaded again',
      );
    }
    if (skewed !== (before?.skewed ?? false))
      log.warn({ pool, model: name, version, skewed }, 'versions of a model differ');
    for (const { version: number, state, reason } of (model.unsettled ?? []).filter(staysOut)) {
      if (before?.unsettled?.some((one) => one.version === number && one.state === state) === true) continue;
      const message = `version ${number} of ${name} is ${state}: ${reason ?? ''}`;
      cluster.emit({ pool, type: 'Warning', reason: state === 'failed' ? 'VersionFailed' : 'VersionBanned', message });
    }
  }

  #call(pods: readonly ScalerPod[]): void {
    const nowMs = this.#context.clock.steadyMs();
    const isSettled = this.#decision.models.every(({ unsettled }) => unsettled === undefined);
    const intervalMs = Math.max(settledMs, pods.length * msPerPod);
    let calls = 0;
    for (const pod of pods) {
      const known = this.#known.get(pod.uid);
      if (known === undefined || pod.origin === null || calls >= maxCallsAtOnce) continue;
      const models = this.#decision.wishes.get(pod.uid) ?? [];
      const text = this.#texts.get(pod.uid) ?? '[]';
      const takesWishes = known.isPeer === true && known.takesWishes;
      const isNew = takesWishes && text !== known.sent?.text;
      const isOld = takesWishes && nowMs - (known.sent?.atMs ?? 0) >= renewalMs;
      // The list from its start is not the one that counts once it serves.
      const isUntold = known.models === null || (known.state === 'loading' && pod.phase === 'Ready');
      const isDue = isUntold || nowMs - known.askedAtMs >= (isSettled ? intervalMs : 0);
      if (isNew || isOld) calls += this.#send(pod.origin, pod.uid, known, { text, models, atMs: nowMs });
      else if (isDue) calls += this.#ask(pod.uid, known, () => this.#context.versionCalls.read(pod.origin!));
    }
  }

  #send(
    origin: string,
    uid: string,
    known: KnownPod,
    wish: { readonly text: string; readonly models: readonly WishedModel[]; readonly atMs: number },
  ): number {
    const { cluster, versionCalls } = this.#context;
    const body = { term: cluster.leadership().transitions, generation: this.#generation, models: [...wish.models] };
    return this.#ask(uid, known, async () => {
      const answer = await versionCalls.wish(origin, body);
      if (answer.kind === 'status') known.sent = wish;
      if (answer.kind !== 'foreign') return answer;
      known.takesWishes = false;
      return { kind: 'failed', detail: 'the pod takes no wishes' };
    });
  }

  /** @returns the number of calls that were started */
  #ask(uid: string, known: KnownPod, call: () => Promise<VersionAnswer>): number {
    const { operations, clock, log, wake } = this.#context;
    const started = operations.start(
      `versions:${uid}`,
      call,
      (answer) => {
        known.askedAtMs = clock.steadyMs();
        if (this.#learn(known, answer)) wake();
      },
      (error) => log.error({ err: error }, 'asking a pod for its versions failed'),
    );
    return started ? 1 : 0;
  }

  /** @returns whether anything is new */
  #learn(known: KnownPod, answer: VersionAnswer): boolean {
    if (answer.kind === 'failed') return false;
    const before = [known.models, known.state, known.isPeer];
    const status = answer.kind === 'status' ? answer.status : foreignStatus;
    known.isPeer = answer.kind === 'status';
    known.models = listOf(status);
    known.state = status.state;
    known.memoryBytes = status.memoryLimitBytes;
    if (isSame(before, [known.models, known.state, known.isPeer])) return false;
    this.#changes += 1;
    return known.isPeer;
  }
}

/** Models that the pod lists; null while it has not looked into its repository yet. */
function listOf({ state, models }: Pick<PodStatus, 'state' | 'models'>): PodStatus['models'] | null {
  return state === 'loading' && models.length === 0 ? null : models;
}

/** Name of a process: on Kubernetes a container that starts again keeps the UID of its pod. */
function processOf({ uid, restarts }: ScalerPod): string {
  return `${uid} ${restarts}`;
}

/** Whether a process ended by a fault of its own, or of what it loaded: by a signal that nobody sends, or for want of memory. */
function isCrash(exit: string | null | undefined): exit is string {
  return /^(killed by SIG(?!KILL|TERM|INT|HUP)|exit code 13[2-69]\b|out of memory)/.test(exit ?? '');
}

function isSameMap(one: ReadonlyMap<string, string>, other: ReadonlyMap<string, string>): boolean {
  return one.size === other.size && [...one].every(([key, value]) => other.get(key) === value);
}

function isSame(one: unknown, other: unknown): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}
