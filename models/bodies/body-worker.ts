/** The thread that reads large bodies and writes large answers: one task at a time, plain data in, plain data out. */
import process from 'node:process';
import { parentPort } from 'node:worker_threads';
import { SluiceError } from '../../contract/errors.ts';
import { decompressHere } from '../decompress.ts';
import { parseCall } from '../protocol/parse-call.ts';
import { renderCall } from '../protocol/render-call.ts';
import {
  packOwned,
  type FromThread,
  unpack,
  type ReadBody,
  type ReadTask,
  type Task,
  type TaskResult,
  type WriteTask,
  type WrittenAnswer,
} from './wire.ts';

const port = parentPort!;

type Unmeasured<Result> = Result extends TaskResult ? Omit<Result, 'tookMs' | 'cpuUs'> : never;

function read(task: ReadTask, transfer: Set<ArrayBuffer>): Unmeasured<ReadBody> {
  const { buffer, byteOffset, byteLength } = task.body;
  const { contentEncoding, contentType, inferenceHeaderLength, maxBytes, spec } = task;
  const body = decompressHere(Buffer.from(buffer, byteOffset, byteLength), contentEncoding, maxBytes);
  const { inputs, ...call } = parseCall({ body, contentType, inferenceHeaderLength }, spec);
  return { kind: 'read', call, inputs: packOwned(inputs, transfer) };
}

function write(task: WriteTask, transfer: Set<ArrayBuffer>): Unmeasured<WrittenAnswer> {
  const { contentType, inferenceHeaderLength, body } = renderCall(task, unpack(task.outputs));
  const parts = body.map((part) => (isOwned(part) ? part : new Uint8Array(part))) as Uint8Array<ArrayBuffer>[];
  for (const { buffer } of parts) transfer.add(buffer);
  return { kind: 'written', contentType, inferenceHeaderLength, body: parts };
}

/** Whether the memory of a buffer has little else in it; a small buffer may lie in the pool of all small ones. */
function isOwned({ length, buffer }: Buffer): boolean {
  return 2 * length >= buffer.byteLength && buffer.byteLength > Buffer.poolSize;
}

function failure(error: unknown): Unmeasured<TaskResult> {
  if (error instanceof SluiceError) return { kind: 'failed', code: error.code, message: error.message };
  if (error instanceof RangeError && /allocation failed|Invalid string length/.test(error.message)) {
    return { kind: 'failed', code: 'too-costly', message: 'the request takes more memory than the pod has' };
  }
  return {
    kind: 'failed',
    code: null,
    message: error instanceof Error ? (error.stack ?? error.message) : String(error),
  };
}

const cpuUs = (): number => {
  const { user, system } = process.threadCpuUsage();
  return user + system;
};

port.postMessage({ kind: 'up', cpuUs: cpuUs() } satisfies FromThread);
port.on('message', (task: Task) => {
  const startedMs = performance.now();
  const transfer = new Set<ArrayBuffer>();
  let done: Unmeasured<TaskResult>;
  try {
    done = task.kind === 'read' ? read(task, transfer) : write(task, transfer);
  } catch (error) {
    transfer.clear();
    done = failure(error);
  }
  const { user, system } = process.threadCpuUsage();
  const spent = { tookMs: performance.now() - startedMs, cpuUs: user + system };
  port.postMessage({ ...done, ...spent }, [...transfer]);
});
