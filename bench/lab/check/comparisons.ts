/** Comparisons of `npm run bench:check`: CPU time per request or row of Sluice and of a yardstick, measured in turns. */
import { binaryRows, jsonRows, langidTexts, rowInputs } from '../rig/bodies.ts';
import type { Workload } from '../../load-test/workload.ts';
import type { LoadGenerator } from '../rig/load.ts';
import { measureTarget, type Measurement } from '../rig/measure.ts';
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

/** CPU time of Sluice for one request or row, µs. */
export interface OwnCost {
  readonly gatewayUs: number;
  readonly podsUs: number;
}

export interface Comparison {
  readonly name: string;
  /** Piece of work of which a cost is measured. */
  readonly unit: 'request' | 'row';
  /** Cost at one Sluice, under the load that `round` puts on it. */
  readonly measure: (load: LoadGenerator, sluice: Target, requests: number) => Promise<OwnCost>;
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
  const own = ownCost('request', (requests) => ({ workload, connections, amount: { requests } }));
  return {
    name,
    ...own,
    round: async ({ load, sluice, echo }, requests) => {
      const { gatewayUs, podsUs } = await own.measure(load, sluice, requests);
      const theirs = await measureTarget(load, { target: echo, workload, connections, amount: { requests } });
      return {
        [`${name}: gateway ÷ echo`]: { ours: gatewayUs, yardstick: theirs.serverCpuUs },
        [`${name}: gateway + pods ÷ echo`]: { ours: gatewayUs + podsUs, yardstick: theirs.serverCpuUs },
      };
    },
  };
}

function againstRuntime(name: string, workload: Workload): Comparison {
  const own = ownCost('row', (requests) => ({
    workload,
    connections: connectionsOfRows,
    amount: { requests: Math.max(connectionsOfRows, Math.round(requests / requestsPerManyRows)) },
  }));
  return {
    name,
    ...own,
    round: async ({ load, sluice, runtime }, requests) => {
      const { gatewayUs, podsUs } = await own.measure(load, sluice, requests);
      const theirs = await runtime.run({ ...rowInputs.wide, rows: rowsPerRequest, durationMs: runtimeMs });
      return {
        [`${name}: gateway + pods ÷ ONNX Runtime`]: {
          ours: gatewayUs + podsUs,
          yardstick: theirs.cpuUs / theirs.rows,
        },
      };
    },
  };
}

function ownCost(
  unit: Comparison['unit'],
  loadFor: (requests: number) => Omit<Measurement, 'target'>,
): Pick<Comparison, 'unit' | 'measure'> {
  const rows = unit === 'row' ? rowsPerRequest : 1;
  return {
    unit,
    measure: async (load, target, requests) => {
      const { serverCpuUs, podsCpuUs } = await measureTarget(load, { target, ...loadFor(requests) });
      return { gatewayUs: serverCpuUs / rows, podsUs: podsCpuUs / rows };
    },
  };
}
