/**
 * Pools of many pods: a gateway and a scaler as processes of this machine, and stand-in pods on a node without a kubelet,
 * each with an address of its own. API server and controllers are the cluster's.
 */
import type { PodObject } from '../../../cluster/kubernetes/objects.ts';
import type { LoadReport } from '../../../contract/load-report.ts';
import { StandInPod } from '../../support/stand-in-pod.ts';
import { adapterNamespace } from './adapter.ts';
import { ApiGate } from './api-gate.ts';
import { HostProcess } from './host-process.ts';
import type { Namespace } from './kubectl.ts';
import { readyStatus, StandInNode } from './stand-in-node.ts';

export class Crowd {
  readonly namespace: Namespace;
  #node: StandInNode | undefined;
  readonly #pods = new Map<string, StandInPod>();
  readonly #started: { close(): Promise<unknown> }[] = [];
  #port = 0;
  #addresses = 0;

  private constructor(namespace: Namespace) {
    this.namespace = namespace;
  }

  static async start(): Promise<Crowd> {
    const crowd = new Crowd(await adapterNamespace('many'));
    // One address after the other at a port that the first one finds.
    const first = new StandInPod('first', [], { host: '127.1.0.0' });
    await first.start();
    crowd.#port = Number(new URL(first.pod.origin!).port);
    first.stop();
    crowd.#node = await StandInNode.start(crowd.namespace, {
      statusOf: (pod) => crowd.#begin(pod),
      onEnd: ({ metadata }) => {
        crowd.#pods.get(metadata?.uid ?? '')?.stop();
        crowd.#pods.delete(metadata?.uid ?? '');
      },
    });
    return crowd;
  }

  async process(command: 'gateway' | 'scaler'): Promise<{ gate: ApiGate; process: HostProcess }> {
    const gate = await ApiGate.start();
    this.#started.push(gate);
    const process = await HostProcess.start(command, { kubeconfig: gate.kubeconfig, namespace: this.namespace.name });
    this.#started.unshift({ close: () => process.end('SIGKILL') });
    if (command === 'gateway') await this.namespace.apply(this.#gatewayPod(process.adminPort));
    return { gate, process };
  }

  /** A Deployment and its pool each. */
  async apply(names: readonly string[], scaling: object): Promise<void> {
    const items = names.flatMap((name) => [this.#deployment(name), poolOf(name, scaling)]);
    await this.namespace.apply({ apiVersion: 'v1', kind: 'List', items });
  }

  async close(): Promise<void> {
    for (const one of this.#started) await one.close();
    await this.#node?.close();
    for (const pod of this.#pods.values()) pod.stop();
  }

  /** The gateway's own pod has the address of this machine, where its process is. */
  async #begin(pod: PodObject): Promise<object> {
    const { uid = '', labels } = pod.metadata ?? {};
    const pool = labels?.['example.org/pool'];
    if (pool === undefined) return readyStatus(pod, '127.0.0.1');
    this.#addresses += 1;
    const host = `127.1.${this.#addresses >> 8}.${this.#addresses & 255}`;
    const standIn = new StandInPod(uid, [pool], { host, port: this.#port });
    await standIn.start();
    this.#pods.set(uid, standIn);
    return readyStatus(pod, host);
  }

  #deployment(name: string): object {
    const labels = { 'example.org/pool': name };
    const container = { name: 'stand-in', image: 'example.org/stand-in:1' };
    return {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name },
      spec: {
        selector: { matchLabels: labels },
        template: {
          metadata: { labels },
          spec: { ...this.#node!.podSpec, containers: [{ ...container, ports: [port('http', this.#port)] }] },
        },
      },
    };
  }

  #gatewayPod(adminPort: number): object {
    const labels = { 'app.kubernetes.io/name': 'sluice', 'app.kubernetes.io/component': 'gateway' };
    const container = { name: 'gateway', image: 'example.org/stand-in:1', ports: [port('admin', adminPort)] };
    return {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'gateway', labels },
      spec: { ...this.#node!.podSpec, containers: [container] },
    };
  }
}

/** Pods that get work, as the gateway says. */
export function servingPods({ pools }: LoadReport): number {
  const serving = pools.flatMap(({ pods }) => pods.filter(({ state, leaving }) => state === 'serving' && !leaving));
  return serving.length;
}

function poolOf(name: string, scaling: object): object {
  return {
    apiVersion: 'sluice.dev/v1alpha1',
    kind: 'ModelPool',
    metadata: { name },
    spec: { models: [name], scaleTargetRef: { name }, objective: { latencyMs: 500, percentile: 99 }, scaling },
  };
}

function port(name: string, containerPort: number): object {
  return { name, containerPort, protocol: 'TCP' };
}
