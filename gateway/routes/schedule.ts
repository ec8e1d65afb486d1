/**
 * Timeout and priority of a request: from headers, or from the `parameters` of a binary body's JSON head (Triton's
 * schedule-policy extension). JSON bodies are not parsed for them; their clients use the headers.
 */
import type { IncomingHttpHeaders } from 'node:http';
import { quote, SluiceError } from '../../contract/errors.ts';
import { headers as names } from '../../contract/headers.ts';
import type { ModelPool } from '../../contract/model-pool.ts';
import { firstLevel, lastLevel } from '../policy/levels.ts';

export interface Schedule {
  readonly timeoutMs: number;
  /** 1 (highest) to 9. */
  readonly priority: number;
}

/** Limits of the pool. */
export type ScheduleLimits = Pick<ModelPool['spec']['requests'], 'timeoutMs' | 'highestPriority' | 'defaultPriority'>;

/** Longest JSON head that is searched for parameters; real ones have a few hundred bytes. */
const longestHeadBytes = 16 * 1024;

/**
 * A timeout or priority beyond what the pool allows is cut to it (docs/adr/0010-priority-is-bounded.md).
 * @throws SluiceError `invalid-header` on a value that can't be used
 */
export function readSchedule(
  headers: IncomingHttpHeaders,
  body: readonly Buffer[],
  { timeoutMs: poolTimeoutMs, highestPriority, defaultPriority }: ScheduleLimits,
): Schedule {
  const timeout = headers[names.timeoutMs];
  const priority = headers[names.priority];
  const parameters = headParameters(headers[names.inferenceHeaderLength], body);
  return {
    timeoutMs:
      timeout === undefined
        ? // Triton's unit is microseconds; 0 means no timeout.
          Math.min(poolTimeoutMs, parameters.timeoutUs > 0 ? parameters.timeoutUs / 1000 : poolTimeoutMs)
        : Math.min(poolTimeoutMs, whole(names.timeoutMs, timeout, 1, Number.MAX_SAFE_INTEGER)),
    priority: Math.max(
      highestPriority,
      priority === undefined
        ? parameters.priority || defaultPriority
        : whole(names.priority, priority, firstLevel, lastLevel),
    ),
  };
}

/** Priority of a request whose body is still to come, by its headers alone; the default where they can't be used. */
export function arrivingPriority(
  headers: IncomingHttpHeaders,
  { highestPriority, defaultPriority }: ScheduleLimits,
): number {
  const priority = headers[names.priority];
  if (priority === undefined) return defaultPriority;
  const number = Number(priority);
  return number >= highestPriority && number <= lastLevel && Number.isInteger(number) ? number : highestPriority;
}

function whole(name: string, value: string | string[], least: number, most: number): number {
  const number = typeof value === 'string' && /^\d{1,16}$/.test(value) ? Number(value) : NaN;
  if (number >= least && number <= most) return number;
  throw new SluiceError(
    'invalid-header',
    `header '${name}' must be a whole number from ${least} to ${most}, was: ${quote(value)}`,
  );
}

/** Parameters of a binary body's head, 0 where absent. A malformed head is left for the pod to report. */
function headParameters(
  lengthHeader: string | string[] | undefined,
  body: readonly Buffer[],
): { timeoutUs: number; priority: number } {
  const none = { timeoutUs: 0, priority: 0 };
  if (typeof lengthHeader !== 'string') return none;
  const length = Number(lengthHeader);
  if (!(length > 0 && length <= longestHeadBytes)) return none;
  const head = start(body, length);
  if (!head.includes('"timeout"') && !head.includes('"priority"')) return none;
  try {
    const { parameters } = JSON.parse(head.toString()) as { parameters?: { timeout?: unknown; priority?: unknown } };
    const { timeout, priority } = parameters ?? {};
    return {
      timeoutUs: typeof timeout === 'number' && timeout > 0 ? timeout : 0,
      priority: typeof priority === 'number' && priority >= 1 ? Math.min(lastLevel, Math.floor(priority)) : 0,
    };
  } catch {
    return none;
  }
}

/** The first bytes of a body across its chunks, padded with zeros if it is shorter. */
function start(body: readonly Buffer[], length: number): Buffer {
  const [first] = body;
  return first !== undefined && first.length >= length ? first.subarray(0, length) : Buffer.concat(body, length);
}
