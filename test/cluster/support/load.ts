/** The load inside the cluster: starts it, changes its rate, ends it and holds it to "every request accounted for, none failed". */
import assert from 'node:assert/strict';
import { lockedContainer, scriptsVolume } from './pool.ts';
import { isReady, until, type Namespace } from './kubectl.ts';
import { image } from './image.ts';
import { startsJob } from './started.ts';

export interface LoadReport {
  readonly sent: number;
  readonly right: number;
  readonly failures: number;
  readonly inFlight: number;
  readonly refusedRetries: number;
  readonly failed: Readonly<Record<string, number>>;
  readonly examples: readonly string[];
  /** Right and failed requests, by the kind of connection on which they were asked. */
  readonly byConnection: Readonly<Record<'kept' | 'new', { readonly right: number; readonly failed: number }>>;
  readonly byPod: Readonly<Record<string, number>>;
  /** Versions that answered: how often, when first, and when the last question was asked that got such an answer. */
  readonly byVersion: Readonly<Record<string, { answers: number; firstAnsweredMs: number; lastAskedMs: number }>>;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly slowestMs: number;
}

export interface LoadOptions {
  readonly name?: string;
  readonly perSecond: number;
  readonly model?: string;
  readonly timeoutMs?: number;
  /**
   * `kept`, the default: eight clients take turns, each of which keeps its connection. `new`: each request has a connection of its own,
   * so that all gateways get some, where the kept ones may all be of one. `both`: every other request.
   */
  readonly connections?: 'kept' | 'new' | 'both';
}

/** Patience for a busy node. Only a hang reaches it. */
const patienceMs = 180_000;

export class Load {
  readonly #namespace: Namespace;
  readonly #pod: string;
  readonly #job: string;

  private constructor(namespace: Namespace, job: string, pod: string) {
    this.#namespace = namespace;
    this.#job = job;
    this.#pod = pod;
  }

  /** Returns once it sends. */
  static async start(namespace: Namespace, options: LoadOptions): Promise<Load> {
    const { perSecond, model = 'simple', timeoutMs = 30_000, connections = 'kept' } = options;
    const name = options.name ?? `load-${Math.random().toString(36).slice(2, 7)}`;
    const env = { MODEL: model, RATE: String(perSecond), TIMEOUT_MS: String(timeoutMs), CONNECTIONS: connections };
    startsJob(namespace, name);
    await namespace.apply({
      apiVersion: 'batch/v1',
      kind: 'Job',
      metadata: { name },
      spec: {
        backoffLimit: 0,
        template: {
          metadata: { labels: { 'app.kubernetes.io/component': 'load' } },
          spec: {
            restartPolicy: 'Never',
            terminationGracePeriodSeconds: 2,
            automountServiceAccountToken: false,
            securityContext: { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } },
            containers: [
              {
                ...lockedContainer,
                name: 'load',
                image,
                command: ['node', '/scripts/load.ts'],
                env: Object.entries(env).map(([key, value]) => ({ name: key, value })),
                readinessProbe: { httpGet: { path: '/report', port: 9000 }, periodSeconds: 1 },
                resources: { requests: { cpu: '50m', memory: '64Mi' } },
                volumeMounts: [{ name: 'scripts', mountPath: '/scripts' }],
              },
            ],
            volumes: [scriptsVolume],
          },
        },
      },
    });
    const pod = await until(`load ${name} to start`, patienceMs, async () => {
      const [found] = await namespace.pods(`batch.kubernetes.io/job-name=${name}`);
      return found !== undefined && isReady(found) ? found.metadata.name : null;
    });
    return new Load(namespace, name, pod);
  }

  report(): Promise<LoadReport> {
    return this.#ask('/report');
  }

  rate(perSecond: number): Promise<LoadReport> {
    return this.#ask(`/rate?perSecond=${perSecond}`);
  }

  /** Times at which the requests were sent, milliseconds since the epoch. */
  sentAtMs(): Promise<number[]> {
    return this.#ask('/sent');
  }

  /** Stops sending, waits for what is in flight, and takes the load away. */
  async end(): Promise<LoadReport> {
    await this.#ask('/stop');
    const report = await until('the last answers', patienceMs, async () => {
      const now = await this.report();
      return now.inFlight === 0 ? now : null;
    });
    await this.#namespace.kubectl(['delete', 'job', this.#job, '--wait=false']);
    assert.equal(report.sent, report.right + report.failures, 'requests that nobody accounts for');
    return report;
  }

  /** Ends it; fails unless each of at least `atLeast` requests got its own right answer. */
  async endWithoutLoss(atLeast: number): Promise<LoadReport> {
    const report = await this.end();
    assert.deepEqual(report.failed, {}, `${report.failures} of ${report.sent} failed:\n${report.examples.join('\n')}`);
    assert.ok(report.right >= atLeast, `only ${report.right} requests were sent`);
    return report;
  }

  async #ask<Answer = LoadReport>(path: string): Promise<Answer> {
    return JSON.parse(await this.#namespace.get(this.#pod, 9000, path)) as Answer;
  }
}
