/**
 * A local pod: a name with a process that is probed, and restarted when it exits.
 *
 *   Pending ──spawned──→ Running ←──probes──→ Ready
 *      ↑                    │                   │        terminate() in any state → Terminating → gone
 *      └──── back-off ──────┴────── exit ───────┘
 *
 * Restarts keep the name. Each process has a new uid and starts without the annotations of the previous one.
 */
import { randomUUID } from 'node:crypto';
import type { ModelPool } from '../../contract/model-pool.ts';
import type { PodFailure } from '../../contract/scaler-api.ts';
import type { PodPhase } from '../port.ts';
import type { ScalerPod } from '../scalable.ts';
import { startChild, type Child, type Exit } from './child.ts';
import { CrashFold } from './crash-fold.ts';
import { isListening } from './ipc.ts';
import { explainExit, nextErrorText, type ErrorText } from './log-lines.ts';
import { podEnvironment, type PodDefaults } from './pod-environment.ts';
import { LogRing } from './pod-log.ts';
import {
  isStuck,
  nextProbeMs,
  notProbedYet,
  observeProbe,
  readinessConfig,
  type ProbeResult,
} from './policy/readiness.ts';
import { backoffConfig, failureAfter, isCrashLooping, planRestart } from './policy/restart-backoff.ts';
import { probeReadiness } from './probe.ts';
import type { StartGate } from './start-gate.ts';

export interface PodOptions {
  readonly name: string;
  readonly pool: ModelPool;
  /** Settings from the pool, as text that can be compared. */
  readonly settings: string;
  /** Command that starts the process, which gets its settings from the environment. */
  readonly command: readonly [string, ...string[]];
  readonly defaults: PodDefaults;
  readonly gate: StartGate;
  readonly onChange: () => void;
  /** Called after the process of a terminating pod has exited. */
  readonly onGone: () => void;
  readonly onLine: (line: string) => void;
  /** Called with messages for the user: exits, restarts and kills. */
  readonly onWarning: (message: string) => void;
}

export class LocalPod {
  readonly name: string;
  /** Lines of its processes, those that the terminal leaves out included. */
  readonly log = new LogRing();
  readonly #options: PodOptions;
  readonly #output: CrashFold;
  #uid = randomUUID();
  #phase: PodPhase = 'Pending';
  #origin: string | null = null;
  #createdAtMs = Date.now();
  #readyAtMs: number | null = null;
  #restarts = 0;
  #reason: string | null = 'waiting for other pods to start';
  #child: Child | undefined;
  /** Consecutive exits, as counted by restart-backoff. */
  #exits = 0;
  #readiness = notProbedYet;
  #errorText: ErrorText | null = null;
  /** Timer of the next probe or the next start. */
  #timer: NodeJS.Timeout | undefined;
  #failure: PodFailure | null = null;
  #lastExit: string | null = null;
  /** Exit of the last process that listened: one that did not has loaded nothing, and knows nothing of the one before it. */
  #lastServed: string | null = null;
  #leaveGate: () => void = () => undefined;
  #draining: string | null = null;
  #drainLease: string | null = null;
  #deletionCost = 0;
  /** Counts changes of the pod, as a resourceVersion does. */
  #version = 0;

  constructor(options: PodOptions) {
    this.name = options.name;
    this.#options = options;
    this.#output = new CrashFold(options);
  }

  get settings(): string {
    return this.#options.settings;
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  get view(): ScalerPod {
    const readyForMs = this.#readyAtMs === null ? 0 : Date.now() - this.#readyAtMs;
    return {
      uid: this.#uid,
      name: this.name,
      pool: this.#options.pool.metadata.name,
      phase: this.#phase,
      origin: this.#origin,
      isPeer: true,
      restarts: this.#restarts,
      createdAtMs: this.#createdAtMs,
      readyAtMs: this.#readyAtMs,
      reason: this.#reason,
      draining: this.#draining,
      drainLease: this.#drainLease,
      deletionCost: this.#deletionCost,
      crashLooping: isCrashLooping(backoffConfig, this.#exits, readyForMs),
      endGraceMs: this.#options.defaults.graceMs,
      failure: this.#failure,
      lastExit: this.#lastExit,
      version: String(this.#version),
    };
  }

  /** Sets what are annotations of a pod in Kubernetes. */
  annotate(given: {
    readonly draining?: string | null;
    readonly drainLease?: string | null;
    readonly deletionCost?: number;
  }): void {
    if (given.draining !== undefined) this.#draining = given.draining;
    if (given.drainLease !== undefined) this.#drainLease = given.drainLease;
    if (given.deletionCost !== undefined) this.#deletionCost = given.deletionCost;
    this.#changed();
  }

  #changed(): void {
    this.#version += 1;
    this.#options.onChange();
  }

  /** Starts the process once the start gate admits it. */
  start(): void {
    this.#leaveGate = this.#options.gate.enter(() => this.#spawn());
    if (this.#phase === 'Pending') this.#changed();
  }

  #spawn(): void {
    const { command, defaults, pool } = this.#options;
    this.#phase = 'Running';
    this.#reason = 'starting';
    this.#errorText = null;
    this.log.begin();
    this.#child = startChild({
      command,
      env: podEnvironment(defaults, pool, { name: this.name, uid: this.#uid, lastExit: this.#lastServed }),
      onLine: (line, stream) => {
        this.#errorText = nextErrorText(this.#errorText, line, stream);
        this.log.add(line, Date.now());
        this.#output.line(line);
      },
      onMessage: (message) => {
        if (!isListening(message) || this.#origin !== null) return;
        this.#origin = `http://127.0.0.1:${message.port}`;
        this.#leaveGate();
        void this.#probe(this.#uid, this.#origin);
        this.#changed();
      },
      onExit: (exit) => this.#onExit(exit),
    });
    this.#changed();
  }

  /** Terminates the process gracefully. A pod without a process is gone at once. */
  terminate(): void {
    if (this.#phase === 'Terminating') return;
    const { graceMs } = this.#options.defaults;
    clearTimeout(this.#timer);
    if (this.#child === undefined) this.#leaveGate();
    this.#phase = 'Terminating';
    this.#failure = null;
    this.#reason = 'terminating';
    this.#changed();
    if (this.#child === undefined) {
      this.#options.onGone();
      return;
    }
    this.#child.terminate(graceMs, () =>
      this.#options.onWarning(`did not terminate within ${graceMs / 1000} s, killed`),
    );
  }

  /** Kills the process without a restart. */
  kill(): void {
    clearTimeout(this.#timer);
    if (this.#child === undefined) this.#leaveGate();
    if (this.#phase !== 'Terminating') {
      this.#phase = 'Terminating';
      this.#reason = 'killed';
      this.#changed();
    }
    if (this.#child === undefined) this.#options.onGone();
    else this.#child.kill();
  }

  async #probe(uid: string, origin: string): Promise<void> {
    const result = await probeReadiness(origin);
    // The process may have exited or been terminated during the probe.
    if (uid !== this.#uid || this.#phase === 'Terminating') return;
    this.#applyProbe(result);
    this.#timer = setTimeout(() => void this.#probe(uid, origin), nextProbeMs(readinessConfig, this.#readiness));
  }

  #applyProbe(result: ProbeResult): void {
    const { ready: wasReady, reason: oldReason } = this.#readiness;
    this.#readiness = observeProbe(readinessConfig, this.#readiness, result);
    const { ready, reason } = this.#readiness;
    if (ready !== wasReady || reason !== oldReason) {
      this.#phase = ready ? 'Ready' : 'Running';
      this.#reason = reason;
      if (ready) {
        this.#readyAtMs ??= Date.now();
        this.#output.ready();
        this.#failure = null;
      }
      if (wasReady && !ready) this.#options.onWarning(`is not ready: ${reason ?? 'unknown'}`);
      this.#changed();
    }
    if (isStuck(readinessConfig, this.#readiness)) {
      this.#options.onWarning(`does not answer (${reason ?? 'unknown'}), killed`);
      this.#child?.kill();
    }
  }

  #onExit({ text }: Exit): void {
    clearTimeout(this.#timer);
    this.#leaveGate();
    this.#child = undefined;
    if (this.#phase === 'Terminating') {
      this.#options.onGone();
      return;
    }
    const exit = explainExit(text, this.#errorText);
    const nowMs = Date.now();
    const readyForMs = this.#readyAtMs === null ? 0 : nowMs - this.#readyAtMs;
    const restart = planRestart(backoffConfig, this.#exits, exit, readyForMs);
    this.#exits = restart.exits;
    this.#restarts += 1;
    if (this.#origin !== null) this.#lastServed = exit;
    this.#uid = randomUUID();
    this.#phase = 'Pending';
    this.#origin = null;
    this.#createdAtMs = nowMs;
    this.#readyAtMs = null;
    this.#readiness = notProbedYet;
    this.#draining = null;
    this.#drainLease = null;
    this.#deletionCost = 0;
    this.#reason = restart.reason;
    this.#lastExit = exit;
    this.#failure = failureAfter(backoffConfig, { ...restart, exit, before: this.#failure, nowMs });
    this.#output.exited(exit, restart.reason);
    this.#changed();
    this.#timer = setTimeout(() => this.start(), restart.waitMs);
  }
}
