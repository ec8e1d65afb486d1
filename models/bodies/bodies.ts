/**
 * Reads bodies and writes answers that would hold the event loop up, in threads beside it: one for bodies, one for answers, so that
 * nobody's answer waits for a stranger's body. Light ones never come here (heavy.ts).
 */
import type { Protocol } from '../../contract/envelope.ts';
import { SluiceError } from '../../contract/errors.ts';
import { accept, accepted, parseSpecOf, type Accepted } from '../accept.ts';
import { decompress } from '../decompress.ts';
import type { Answer, InferCall, ParsedCall, RequestBody } from '../protocol/call.ts';
import type { ServedModel } from '../repository/served-model.ts';
import type { Tensors } from '../tensor.ts';
import { BodyThread, type Job } from './body-thread.ts';
import { lightBodyBytes } from './heavy.ts';
import { answerOf, heldBytes, packCopied, unpack, type TaskResult } from './wire.ts';

export interface BodiesOptions {
  readonly maxBodyBytes: number;
  readonly cpuLimitMs: number;
}

export interface BodyToRead {
  readonly model: ServedModel;
  readonly protocol: Protocol;
  readonly request: RequestBody;
  readonly contentEncoding: string | undefined;
  /** Whether nothing else lies in the memory of the body, which may then be taken away. */
  readonly owned: boolean;
  readonly deadlineMs: number;
  /** Aborted when nobody wants the request any more; `done` isn't called then. */
  readonly signal: AbortSignal;
}

export interface ReadRequest {
  readonly accepted: Accepted;
  /** Memory that the request takes from now on. */
  readonly bytes: number;
  readonly tookMs: number;
}

const mebibyte = 1024 * 1024;
/** Heap beyond what the texts of one body take, which are held up to four times while their escapes are resolved. */
const spareHeapMebibytes = 64;
const heapPerBody = 4;

export class Bodies {
  readonly #maxBodyBytes: number;
  readonly #reading: BodyThread;
  readonly #writing: BodyThread;

  constructor({ maxBodyBytes, cpuLimitMs }: BodiesOptions) {
    this.#maxBodyBytes = maxBodyBytes;
    const heapMebibytes = spareHeapMebibytes + Math.ceil((heapPerBody * maxBodyBytes) / mebibyte);
    this.#reading = new BodyThread({ cpuLimitMs, heapMebibytes });
    this.#writing = new BodyThread({ cpuLimitMs, heapMebibytes });
  }

  /** Requests whose body is read or whose answer is written. */
  get inFlight(): number {
    return this.#reading.inFlight + this.#writing.inFlight;
  }

  /** Requests whose body is read, or waits for that. */
  get reading(): number {
    return this.#reading.inFlight;
  }

  /** Reads a compressed or a large body. @param done called once, unless the signal is aborted */
  read(body: BodyToRead, done: (error: unknown, read: ReadRequest | null) => void): void {
    const { model, protocol, request, contentEncoding, signal } = body;
    if (contentEncoding === undefined || request.body.length > lightBodyBytes) {
      this.#readBeside(body, done);
      return;
    }
    // Most compressed bodies are small ones: what doesn't stay small is inflated in the thread, from its start.
    decompress(request.body, contentEncoding, Math.min(lightBodyBytes, this.#maxBodyBytes), signal).then(
      (plain) => {
        if (signal.aborted) return;
        const startedMs = performance.now();
        let read: ReadRequest;
        try {
          const light = accept(model, protocol, { ...request, body: plain });
          read = { accepted: light, bytes: plain.length, tookMs: performance.now() - startedMs };
        } catch (error) {
          done(error, null);
          return;
        }
        done(null, read);
      },
      (error: unknown) => {
        if (signal.aborted) return;
        const isLarger = error instanceof SluiceError && error.code === 'body-too-large';
        if (isLarger && this.#maxBodyBytes > lightBodyBytes) this.#readBeside(body, done);
        else done(error, null);
      },
    );
  }

  #readBeside(body: BodyToRead, done: (error: unknown, read: ReadRequest | null) => void): void {
    const { model, protocol, request, contentEncoding, owned, deadlineMs, signal } = body;
    const { contentType, inferenceHeaderLength } = request;
    // A body that is copied is small: a large one has come in several chunks, and was put together.
    const bytes = (owned ? request.body : new Uint8Array(request.body)) as Uint8Array<ArrayBuffer>;
    const spec = parseSpecOf(model, protocol);
    const maxBytes = this.#maxBodyBytes;
    const task = {
      kind: 'read',
      body: bytes,
      contentEncoding,
      contentType,
      inferenceHeaderLength,
      maxBytes,
      spec,
    } as const;
    const finish = (error: SluiceError | null, result: TaskResult | null): void => {
      signal.removeEventListener('abort', cancel);
      if (signal.aborted) return;
      if (error !== null || result?.kind !== 'read') {
        model.statistics.failures.OTHER += 1;
        done(error, null);
        return;
      }
      const call = { ...result.call, inputs: unpack(result.inputs) };
      const { tookMs } = result;
      done(null, { accepted: accepted(model, protocol, call), bytes: heldBytes(result.inputs), tookMs });
    };
    const what = `reading the body of ${bytes.length} bytes`;
    const job: Job = { task, transfer: [bytes.buffer], deadlineMs, what, done: finish };
    const cancel = (): void => this.#reading.cancel(job);
    signal.addEventListener('abort', cancel, { once: true });
    this.#reading.run(job);
  }

  /** Writes a large answer. @param done called once */
  write(
    { model, protocol, call }: Accepted,
    outputs: Tensors,
    done: (error: SluiceError | null, answer: Answer | null) => void,
  ): void {
    const requested = new Map(
      call.outputs.flatMap(({ name }) => (outputs.has(name) ? [[name, outputs.get(name)!]] : [])),
    );
    const transfer = new Set<ArrayBuffer>();
    const { name, version } = model;
    this.#writing.run({
      task: {
        kind: 'write',
        model: { name, version },
        protocol,
        call: withoutInputs(call),
        outputs: packCopied(requested, transfer),
      },
      transfer: [...transfer],
      deadlineMs: Infinity,
      what: 'writing the answer',
      done: (error, result) => {
        if (result?.kind === 'written') done(null, answerOf(result));
        else done(error, null);
      },
    });
  }

  async close(): Promise<void> {
    await Promise.all([this.#reading.close(), this.#writing.close()]);
  }
}

/** A call as a message: its tensors stay here, which the answer doesn't need. */
function withoutInputs({ id, surface, rows, outputs, predict }: InferCall): ParsedCall {
  const call = { id, surface, rows, outputs };
  return predict === undefined ? call : { ...call, predict };
}
