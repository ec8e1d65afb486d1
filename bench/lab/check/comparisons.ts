/** Comparisons of `npm run bench:check`: CPU time per request or row of Sluice and of a yardstick, measured in turns. */
import { binaryRows, jsonRows, langidTexts, rowInputs } from '../rig/bodies.ts';
import type { Workload } from '../../load-test/workload.ts';
import type { LoadGenerator } from '../rig/load.ts';
import { measureTarget } from '../rig/measure.ts';
import type { OnnxRuntime } from '../rig/onnx-runtime.ts';
import type { Target } from '../rig/systems.ts';

export interface Sides {
  readonly load: LoadGenerator;
  /** Serves `checkedModels`. */
  readonly sluice: Target;
  readonly echo: Target;
  readonly runtime: OnnxRuntime;
}

/** CPU time of one request or row on both sides, µs. */
export interface CpuCost {
  readonly ours: number;
  readonly yardstick: number;
}

export interface Comparison {
  readonly name: string;
  /**
   * Sends so many requests to each side: the same work, however busy the machine is.
   * @returns costs of one request or row by the name of their ratio, which begins with the comparison's name
   */
  readonly round: (sides: Sides, requests: number) => Promise<Readonly<Record<string, CpuCost>>>;
}

export const checkedModels = ['langid', 'mlp', 'wide'] as const;
/** Enough connections for full batches, so that a request costs the same on a busy machine. */
const connections = 256;
const rowsPerRequest = 64;
const connectionsOfRows = 16;
/** Single-row requests that are as much work as one of 64 rows, about. */
const requestsPerManyRows = 100;
const runtimeMs = 400;

export const comparisons: readonly Comparison[] = [
  againstEcho('mlp binary', binaryRows(rowInputs.mlp)),
  againstEcho('mlp JSON', jsonRows(rowInputs.mlp)),
  againstEcho('langid text', langidTexts()),
  againstRuntime('wide rows', binaryRows(rowInputs.wide, rowsPerRequest)),
];

function againstEcho(name: string, workload: Workload): Comparison {
  return {
    name,
    round: async ({ load, sluice, echo }, requests) => {
      const amount = { requests };
      const ours = await measureTarget(load, { target: sluice, workload, connections, amount });
      const theirs = await measureTarget(load, { target: echo, workload, connections, amount });
      return {
        [`${name}: gateway ÷ echo`]: { ours: ours.serverCpuUs, yardstick: theirs.serverCpuUs },
        [`${name}: gateway + pods ÷ echo`]: { ours: ours.serverCpuUs + ours.podsCpuUs, yardstick: theirs.serverCpuUs },
      };
    },
  };
}

function againstRuntime(name: string, workload: Workload): Comparison {
  return {
    name,
    round: async ({ load, sluice, runtime }, requests) => {
      const amount = { requests: Math.max(connectionsOfRows, Math.round(requests / requestsPerManyRows)) };
      const ours = await measureTarget(load, { target: sluice, workload, connections: connectionsOfRows, amount });
      const theirs = await runtime.run({ ...rowInputs.wide, rows: rowsPerRequest, durationMs: runtimeMs });
      return {
        [`${name}: gateway + pods ÷ ONNX Runtime`]: {
          ours: (ours.serverCpuUs + ours.podsCpuUs) / rowsPerRequest,
          yardstick: theirs.cpuUs / theirs.rows,
        },
      };
    },
  };
}
