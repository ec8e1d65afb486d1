/** A scheduler for tests: its session has no thread, its clock is set by hand, and requests are known by a number. */
import assert from 'node:assert/strict';
import type { ModelRequest } from '../model-request.ts';
import { ServedModel } from '../repository/served-model.ts';
import { stack } from '../rows.ts';
import { Scheduler } from '../scheduler.ts';
import type { RunOutcome } from '../session/session-thread.ts';
import type { Signature, Tensor, Tensors } from '../tensor.ts';
import { Watch, type Finding } from '../watch/watch.ts';

/** A model from `x` to `y`, both FP32 [-1, -1]: rows may have any width, and only rows of one width share a run. */
const rowSignature: Signature = {
  inputs: [{ name: 'x', datatype: 'FP32', shape: [-1, -1], batchAxis: 0 }],
  outputs: [{ name: 'y', datatype: 'FP32', shape: [-1, -1], batchAxis: 0 }],
};

export function fakeModel(options: Partial<ConstructorParameters<typeof ServedModel>[0]> = {}): ServedModel {
  return new ServedModel({
    name: 'rows',
    version: '1',
    session: 0,
    file: {
      inputs: [{ name: 'x', datatype: 'FP32', shape: [-1, -1], axisNames: ['rows', 'width'] }],
      outputs: [{ name: 'y', datatype: 'FP32', shape: [-1, -1], axisNames: ['rows', 'width'] }],
    },
    signature: rowSignature,
    unbatchedReason: null,
    watched: true,
    transform: null,
    maxRows: 4,
    maxRequestRows: 64,
    ...options,
  });
}

interface StartedRun {
  readonly session: number;
  readonly rows: number;
  readonly inputs: Tensors;
  readonly done: (outcome: RunOutcome) => void;
}

/** Stand-in for SessionHost, whose runs last until `finish` or `fail` is called. */
export class FakeHost {
  readonly started: StartedRun[] = [];
  #current: StartedRun | null = null;
  /** Error that the next run throws while it stacks; null for none. */
  stackingError: Error | null = null;

  get busy(): boolean {
    return this.#current !== null;
  }

  run(
    session: number,
    signature: Signature,
    parts: readonly Tensors[],
    rows: number,
    done: (outcome: RunOutcome) => void,
  ): void {
    assert.equal(this.#current, null, 'a run was started while another was in progress');
    if (this.stackingError !== null) {
      const error = this.stackingError;
      this.stackingError = null;
      throw error;
    }
    const inputs = stack(signature, parts);
    assert.equal(inputs.get('x')!.shape[0], rows, 'the rows that are announced are those that are given');
    this.#current = { session, rows, inputs, done };
    this.started.push(this.#current);
  }

  /** Ends the run. @param outputs computed as `y` = 10 `x` unless given */
  finish(runUs = 1000, outputs?: Tensors): void {
    const { inputs, done } = this.#end();
    done({ kind: 'ran', outputs: outputs ?? tenfold(inputs.get('x')!), runUs, cpuUs: runUs });
  }

  fail(message: string, runUs = 1000): void {
    this.#end().done({ kind: 'failed', message, runUs, cpuUs: runUs });
  }

  #end(): StartedRun {
    const run = this.#current;
    assert.ok(run !== null, 'no run is in progress');
    this.#current = null;
    return run;
  }
}

function tenfold({ shape, data }: Tensor): Tensors {
  const y = { datatype: 'FP32' as const, shape, data: (data as Float32Array).map((value) => value * 10) };
  return new Map([['y', y]]);
}

interface RequestOptions {
  readonly rows?: number;
  /** Elements of a row: rows of different widths never share a run. */
  readonly width?: number;
  readonly deadlineMs?: number;
  readonly parseUs?: number;
  /** Called while the answer is rendered. */
  readonly onDone?: () => unknown;
}

/** A scheduler over a fake session. Requests are named by the number that fills their rows. */
export class TestPod {
  readonly host = new FakeHost();
  readonly log: { readonly level: string; readonly message: string; readonly details: object }[] = [];
  /** Answers in order: `7: 70 70` for the rows of request 7, `7: model-failed` for its error. */
  readonly answers: string[] = [];
  readonly findings: Finding[] = [];
  readonly watch: Watch;
  /** Processor time of this thread as the watch reads it, and what it grows by with each look. */
  watchUs = 0;
  watchStepUs = 0;
  readonly scheduler: Scheduler;
  nowMs = 0;

  /** @param cpuShare share of the watch; without one there is none */
  constructor(cpuShare = 0, random: () => number = () => 0) {
    this.watch = new Watch({
      cpuShare,
      cpuUs: () => (this.watchUs += this.watchStepUs),
      random,
      onFinding: (finding) => {
        this.findings.push(finding);
        this.scheduler.stopBatching(finding.model, finding.reason);
      },
    });
    this.scheduler = new Scheduler({
      host: this.host,
      nowMs: () => this.nowMs,
      watch: this.watch,
      log: {
        warn: (details, message) => this.log.push({ level: 'warn', message, details }),
        error: (details, message) => this.log.push({ level: 'error', message, details }),
      },
    });
  }

  submit(
    model: ServedModel,
    id: number,
    { rows = 1, width = 1, deadlineMs = Infinity, parseUs = 0, onDone }: RequestOptions = {},
  ): ModelRequest {
    const x = { datatype: 'FP32' as const, shape: [rows, width], data: new Float32Array(rows * width).fill(id) };
    const request: ModelRequest = {
      model,
      inputs: new Map([['x', x]]),
      rows,
      arrivedMs: this.nowMs,
      deadlineMs,
      parseUs,
      requestId: `request-${id}`,
      traceId: `trace-${id}`,
      runs: [],
      tracked: null,
      done: (outcome) => {
        const answer =
          outcome.kind === 'failed'
            ? `${outcome.error.code}: ${outcome.error.message}`
            : [...(outcome.outputs.get('y')!.data as Float32Array)].join(' ');
        this.answers.push(`${id}: ${answer}`);
        onDone?.();
      },
    };
    this.scheduler.submit(request);
    return request;
  }

  /** Requests and widths of the runs so far: `1 1 2` for a run of two rows of request 1 and one of request 2. */
  get runs(): string[] {
    return this.host.started.map(({ inputs }) => {
      const { shape, data } = inputs.get('x')!;
      return [...(data as Float32Array)].filter((_, index) => index % shape[1]! === 0).join(' ');
    });
  }

  /** Waits for the end of the event-loop turn, where an idle scheduler chooses a run. */
  turn(): Promise<void> {
    return new Promise((resolve) => setImmediate(resolve));
  }

  /** Checks that nothing waits, runs or is still counted. */
  assertEmpty(...models: readonly ServedModel[]): void {
    assert.equal(this.host.busy, false);
    assert.equal(this.scheduler.queuedRows, 0);
    assert.equal(this.scheduler.inFlight, 0);
    for (const { statistics } of models) assert.equal(statistics.pending, 0);
  }
}
