/** A system to be attacked: two pods that serve good clients, one whose model has large answers, and what a test has beside them. */
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { writeOnnx } from '../../models/author/onnx-writer.ts';
import { makeRepository, type RepositoryContent } from './repository.ts';
import { startSystem, type System } from './system.ts';

/** `x` FP32 [-1, 1] → `y` FP32 [-1, 65536]: small requests with large answers. */
function largeAnswers(): Uint8Array {
  return writeOnnx({
    name: 'large',
    inputs: [{ name: 'x', datatype: 'FP32', shape: ['batch', 1] }],
    outputs: [{ name: 'y', datatype: 'FP32', shape: ['batch', 65_536] }],
    nodes: [{ operator: 'Mul', inputs: ['x', 'factors'], outputs: ['y'] }],
    weights: [{ name: 'factors', shape: [1, 65_536], data: new Float32Array(65_536) }],
  });
}

function poolOf({ models, replicas, requests = {} }: AttackedPool): string {
  const scaling = { minReplicas: replicas, maxReplicas: replicas };
  const pool = { apiVersion: 'sluice.dev/v1alpha1', kind: 'ModelPool', metadata: { name: models[0] } };
  return `${JSON.stringify({ ...pool, spec: { models, scaling, requests } })}\n`;
}

export interface AttackedPool {
  readonly models: readonly string[];
  readonly replicas: number;
  /** Fields of `spec.requests`. */
  readonly requests?: object;
}

export interface AttackedOptions extends Partial<Pick<RepositoryContent, 'files' | 'configured'>> {
  /** Models that the pods of good clients serve too. */
  readonly amongGood?: readonly string[];
  /** Pools of their own. */
  readonly pools?: readonly AttackedPool[];
}

/** `x` BYTES [-1] → `y`, the same. */
function texts(): Uint8Array {
  return writeOnnx({
    name: 'text',
    inputs: [{ name: 'x', datatype: 'BYTES', shape: ['batch'] }],
    outputs: [{ name: 'y', datatype: 'BYTES', shape: ['batch'] }],
    nodes: [{ operator: 'Identity', inputs: ['x'], outputs: ['y'] }],
  });
}

/**
 * All that attackers ask for: texts of the pods that serve good clients, and a pool whose pod runs four rows in 20 ms, where what one client
 * asks for waits and is not refused.
 */
export function everyTarget(): AttackedOptions {
  return {
    files: { text: texts() },
    amongGood: ['text'],
    configured: { slow: { zoo: 'simple', config: 'maxRows: 4\ndelay: { runMs: 20 }\n' } },
    pools: [{ models: ['slow'], replicas: 1, requests: { timeoutMs: 600_000 } }],
  };
}

export interface AttackedSystem {
  readonly system: System;
  stop(): Promise<void>;
}

export async function startAttackedSystem(options: AttackedOptions = {}): Promise<AttackedSystem> {
  const { amongGood = [], pools = [], files = {}, configured = {} } = options;
  const repository = await makeRepository({
    zoo: ['simple'],
    files: { large: largeAnswers(), ...files },
    configured,
  });
  // Times of seconds and not of minutes, so that an attack ends soon. The amounts are the defaults.
  const env = { SLUICE_BODY_WINDOW_MS: '1000', SLUICE_HEAD_TIMEOUT_MS: '2000', SLUICE_SEND_TIMEOUT_MS: '2000' };
  // Pods of their own: what a pool gives to whom of its clients is another matter.
  const all = [{ models: ['simple', ...amongGood], replicas: 2 }, { models: ['large'], replicas: 1 }, ...pools];
  const file = path.join(repository.directory, 'pools.yaml');
  await writeFile(file, all.map(poolOf).join('---\n'));
  const system = await startSystem(['--repository', repository.directory, '--pools', file], { env });
  return {
    system,
    stop: async () => {
      await system.stop();
      await repository.remove();
    },
  };
}
