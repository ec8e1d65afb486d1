/** kubectl as functions: any cluster that KUBECONFIG names, and nothing that only one's own cluster has. */
import { execFile } from 'node:child_process';
import process from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';

export class KubectlError extends Error {
  override readonly name = 'KubectlError';
  /** Standard output up to the failure. */
  readonly stdout: string;

  constructor(message: string, stdout: string) {
    super(message);
    this.stdout = stdout;
  }
}

/** @throws Error that says what to do */
export function requireCluster(): void {
  if (process.env.KUBECONFIG === undefined) {
    throw new Error(
      'npm run test:cluster needs a Kubernetes: set KUBECONFIG to its kubeconfig, and SLUICE_TEST_IMAGE to the image of' +
        ' deploy/Containerfile as its nodes know it (localhost/sluice:0.1.0 unless set)',
    );
  }
}

/** Standard output of kubectl. @throws KubectlError with its standard error */
export function kubectl(args: readonly string[], input?: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = execFile('kubectl', args, { maxBuffer: 64 * 1024 * 1024 }, (error, stdout, stderr) => {
      if (error === null) resolve(stdout);
      else reject(new KubectlError(`kubectl ${args.join(' ')}: ${stderr.trim() || error.message}`, stdout));
    });
    child.stdin?.on('error', () => undefined);
    child.stdin?.end(input ?? '');
  });
}

/** Asks until `look` gives something that is not null. What it throws is asked again, and told if the time is up. */
export async function until<Found>(
  what: string,
  withinMs: number,
  look: () => Promise<Found | null> | Found | null,
  everyMs = 500,
): Promise<Found> {
  const startedMs = performance.now();
  let last: unknown;
  for (;;) {
    try {
      last = undefined;
      const found = await look();
      if (found !== null) return found;
    } catch (error) {
      last = error;
    }
    if (performance.now() - startedMs > withinMs) {
      throw new Error(
        `waited ${withinMs / 1000} s in vain for ${what}${last instanceof Error ? `: ${last.message}` : ''}`,
      );
    }
    await sleep(everyMs);
  }
}

export interface PodObject {
  readonly metadata: {
    readonly name: string;
    readonly uid: string;
    readonly creationTimestamp: string;
    readonly deletionTimestamp?: string;
    readonly labels: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly status: {
    readonly phase: string;
    readonly podIP?: string;
    readonly conditions?: readonly { readonly type: string; readonly status: string }[];
    readonly containerStatuses?: readonly {
      readonly restartCount: number;
      readonly state: { readonly waiting?: { readonly reason?: string }; readonly running?: object };
    }[];
  };
}

export const isReady = ({ metadata, status }: PodObject): boolean =>
  metadata.deletionTimestamp === undefined &&
  status.conditions?.some(({ type, status: is }) => type === 'Ready' && is === 'True') === true;

/** A namespace of its own, in which a test does what it likes. */
export class Namespace {
  readonly name: string;

  constructor(name: string) {
    this.name = name;
  }

  kubectl(args: readonly string[], input?: string): Promise<string> {
    return kubectl(['--namespace', this.name, ...args], input);
  }

  async json<Answer>(args: readonly string[]): Promise<Answer> {
    return JSON.parse(await this.kubectl([...args, '--output', 'json'])) as Answer;
  }

  apply(objects: object | string): Promise<string> {
    const text = typeof objects === 'string' ? objects : JSON.stringify(objects);
    return this.kubectl(['apply', '--server-side', '--force-conflicts', '--filename', '-'], text);
  }

  async pods(selector: string): Promise<PodObject[]> {
    return (await this.json<{ items: PodObject[] }>(['get', 'pods', '--selector', selector])).items;
  }

  /** A pod's answer to GET, by way of the API server: pods need not be reachable from here. */
  get(pod: string, port: number, path: string): Promise<string> {
    return kubectl(['get', '--raw', `/api/v1/namespaces/${this.name}/pods/${pod}:${port}/proxy${path}`]);
  }

  rollout(deployment: string, withinSeconds = 300): Promise<string> {
    return this.kubectl(['rollout', 'status', `deployment/${deployment}`, `--timeout=${withinSeconds}s`]);
  }

  /** Evidence to explain a failure: the end of each log, events, objects. */
  async explain(): Promise<string> {
    const parts: string[] = [];
    const add = async (args: readonly string[]): Promise<void> => {
      parts.push(`--- kubectl ${args.join(' ')}`, await this.kubectl(args).catch((error: unknown) => String(error)));
    };
    await add(['get', 'pods,deployments,replicasets,modelpools', '--output', 'wide']);
    await add(['get', 'modelpools', '--output', 'yaml']);
    await add(['get', 'events', '--sort-by', '.lastTimestamp']);
    for (const component of ['gateway', 'scaler', 'model-server', 'load']) {
      const selector = `app.kubernetes.io/component=${component}`;
      await add(['logs', '--selector', selector, '--prefix', '--tail', '60', '--max-log-requests', '30']);
    }
    return parts.join('\n');
  }

  async delete(): Promise<void> {
    await kubectl(['delete', 'namespace', this.name, '--ignore-not-found', '--wait=false']);
  }
}
