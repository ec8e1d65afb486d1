/** Envelopes against a real server: what a gateway sees on the wire. */
import assert from 'node:assert/strict';
import { request as httpRequest } from 'node:http';
import test from 'node:test';
import { gzipSync } from 'node:zlib';
import {
  appendFrame,
  FrameDecoder,
  type AnswerHead,
  type ItemHead,
  type SummaryHead,
} from '../../contract/envelope.ts';
import * as fixtures from '../../models/author/fixtures.ts';
import { withTestSecret } from '../../runtime/testing/secret.ts';
import { floats, get, post, startModelServer } from '../../models/testing/model-server.ts';

interface Outputs {
  readonly outputs: readonly { readonly data: readonly number[] }[];
}

interface Received {
  readonly status: number;
  readonly body: Buffer;
  readonly answers: Map<number, { readonly head: AnswerHead; readonly json: unknown; readonly afterMs: number }>;
  /** null where the response ended without. */
  readonly summary: SummaryHead | null;
}

/** Sends the pieces one after another, with `pauseMs` between them. */
function exchange(port: number, pieces: readonly Buffer[], pauseMs = 0): Promise<Received> {
  return new Promise((resolve, reject) => {
    const startedMs = performance.now();
    const sent = httpRequest(
      {
        port,
        host: '127.0.0.1',
        path: '/v2/envelope',
        method: 'POST',
        headers: { 'content-type': 'application/vnd.sluice.envelope', ...withTestSecret },
      },
      (response) => {
        const decoder = new FrameDecoder({ maxBodyBytes: 1 << 24 });
        const answers: Received['answers'] = new Map();
        const chunks: Buffer[] = [];
        let summary: SummaryHead | null = null;
        response.on('data', (chunk: Buffer) => {
          chunks.push(chunk);
          if (response.statusCode !== 200) return;
          for (const { head, body } of decoder.push(chunk)) {
            const parsed = JSON.parse(head.toString()) as AnswerHead | SummaryHead;
            if ('runs' in parsed) summary = parsed;
            else {
              assert.equal(answers.has(parsed.index), false, `item ${parsed.index} is answered twice`);
              const json: unknown = JSON.parse(body.toString());
              answers.set(parsed.index, { head: parsed, json, afterMs: performance.now() - startedMs });
            }
          }
        });
        response.on('end', () =>
          resolve({ status: response.statusCode!, body: Buffer.concat(chunks), answers, summary }),
        );
        response.on('error', reject);
      },
    );
    sent.on('error', reject);
    const next = (index: number): void => {
      if (index === pieces.length) {
        sent.end();
        return;
      }
      sent.write(pieces[index]);
      if (pauseMs > 0) setTimeout(next, pauseMs, index + 1);
      else next(index + 1);
    };
    next(0);
  });
}

function frame(head: Partial<ItemHead> & { index: number }, body: unknown): Buffer {
  const out: Buffer[] = [];
  const whole: ItemHead = {
    model: 'sums',
    protocol: 'oip',
    contentType: 'application/json',
    deadlineMs: 10_000,
    ...head,
  };
  appendFrame(out, whole, [Buffer.isBuffer(body) ? body : Buffer.from(JSON.stringify(body))]);
  return Buffer.concat(out);
}

const sums = { sums: { versions: { 1: fixtures.variableLength() } } };
const slowSums = (runMs: number) => ({
  sums: { versions: { 1: fixtures.variableLength() }, config: `delay: { runMs: ${runMs} }\nwarmup: false\n` },
});

test('items of one envelope share runs by the shape of their rows', async () => {
  await using started = await startModelServer({ sums: { versions: { 1: fixtures.variableLength() } } });
  const items = Array.from({ length: 30 }, (_, index) => {
    const [rows, length] = [1 + (index % 2), 1 + (index % 3)];
    return { index, rows, length, data: Array.from({ length: rows * length }, (__, at) => index * 10 + at) };
  });
  const frames = items.map(({ index, rows, length, data }) => frame({ index }, floats('x', [rows, length], data)));
  const { answers, summary } = await exchange(started.port, frames);
  for (const { index, rows, length, data } of items) {
    const sums = Array.from({ length: rows }, (_, row) =>
      data.slice(row * length, (row + 1) * length).reduce((sum, value) => sum + value, 0),
    );
    assert.deepEqual((answers.get(index)!.json as Outputs).outputs[0], {
      name: 'y',
      datatype: 'FP32',
      shape: [rows, 1],
      data: sums,
    });
    assert.equal(answers.get(index)!.head.rowElements, length);
  }
  // 45 rows, fewer than fill a run, are submitted together: one run for each of the three lengths.
  assert.deepEqual(
    summary?.runs.map(({ rows, rowElements }) => [rows, rowElements]),
    [
      [15, 1],
      [15, 2],
      [15, 3],
    ],
  );
});

test('items that share an input are stacked only if it is the same', async () => {
  const config = 'inputs: { x: { batchAxis: 1 }, k: { batchAxis: null } }\noutputs: { y: { batchAxis: 1 } }\n';
  await using started = await startModelServer({ columns: { versions: { 1: fixtures.axisOne() }, config } });
  const factorOf = (index: number) => (index % 2 === 0 ? 2 : 5);
  const frames = Array.from({ length: 20 }, (_, index) =>
    frame(
      { index, model: 'columns' },
      {
        inputs: [
          { name: 'x', datatype: 'FP32', shape: [2, 1], data: [index, index + 1] },
          { name: 'k', datatype: 'FP32', shape: [1], data: [factorOf(index)] },
        ],
      },
    ),
  );
  const { answers, summary } = await exchange(started.port, frames);
  for (const [index, { json }] of answers) {
    const factor = factorOf(index);
    assert.deepEqual((json as Outputs).outputs[0]!.data, [index * factor, (index + 1) * factor]);
  }
  assert.equal(answers.size, 20);
  assert.deepEqual(
    summary?.runs.map(({ rows }) => rows),
    [10, 10],
  );
});

test('items are answered by their index, one run computes them, and broken ones fail alone', async () => {
  await using started = await startModelServer(sums);
  const items = Array.from({ length: 10 }, (_, index) => frame({ index }, floats('x', [1, 2], [index, 1])));
  items[3] = frame({ index: 3 }, Buffer.from('{"inputs":['));
  items[4] = frame({ index: 4, model: 'absent' }, floats('x', [1, 2], [0, 0]));
  items[5] = frame({ index: 5, inferenceHeaderLength: 'long' }, floats('x', [1, 2], [0, 0]));
  items[6] = frame({ index: 6, contentEncoding: 'gzip' }, gzipSync(JSON.stringify(floats('x', [1, 2], [6, 1]))));
  items[7] = frame({ index: 7, contentEncoding: 'gzip' }, floats('x', [1, 2], [6, 1]));
  items[8] = frame({ index: 8, protocol: 'v1' }, { instances: [[8, 1]] });
  items[9] = frame({ index: 9, requestId: 'r', traceparent: 't', version: '1' }, floats('x', [2, 1], [9, 1]));
  const { status, answers, summary } = await exchange(started.port, items);
  assert.equal(status, 200);
  assert.equal(answers.size, 10);
  for (const index of [0, 1, 2, 6]) {
    const { head, json } = answers.get(index)!;
    assert.equal(head.status, 200);
    assert.equal(head.rows, 1);
    assert.deepEqual((json as { outputs: { data: number[] }[] }).outputs[0]?.data, [index + 1]);
    assert.ok(summary!.runs[head.run] !== undefined);
  }
  const statuses = [3, 4, 5, 7].map((index) => answers.get(index)!.head);
  assert.deepEqual(
    statuses.map((head) => [head.status, head.rows, head.run]),
    [
      [400, 0, -1],
      [404, 0, -1],
      [400, 0, -1],
      [400, 0, -1],
    ],
  );
  assert.deepEqual(answers.get(4)!.json, { error: 'model "absent" is not served here' });
  assert.deepEqual(answers.get(8)!.json, { predictions: [[9]] });
  assert.equal(answers.get(9)!.head.rows, 2);
  const ownRows = summary!.runs.reduce((sum, run) => sum + run.ownRows, 0);
  assert.equal(ownRows, 7);
  for (const run of summary!.runs) assert.ok(run.occupiedUs > 0 && run.rows >= run.ownRows);
  assert.deepEqual([summary!.queuedRows, summary!.inFlight, summary!.draining], [0, 0, false]);
});

test('an envelope that arrives in pieces is still computed as the one batch that it is', async () => {
  await using started = await startModelServer(sums);
  const bytes = Buffer.concat(Array.from({ length: 6 }, (_, index) => frame({ index }, floats('x', [1, 1], [index]))));
  const pieces = Array.from({ length: 9 }, (_, at) =>
    bytes.subarray(at * 150, at === 8 ? bytes.length : (at + 1) * 150),
  );
  const { answers, summary } = await exchange(started.port, pieces, 5);
  assert.equal(answers.size, 6);
  assert.deepEqual(
    summary!.runs.map(({ rows, ownRows }) => [rows, ownRows]),
    [[6, 6]],
  );
});

test('answers leave as their run ends, before the slowest of the envelope', async () => {
  const runMs = 400;
  await using started = await startModelServer(slowSums(runMs));
  const { answers, summary } = await exchange(started.port, [
    frame({ index: 0 }, floats('x', [1, 1], [1])),
    frame({ index: 1 }, floats('x', [1, 2], [1, 2])),
    frame({ index: 2 }, floats('x', [1, 1], [3])),
  ]);
  // Equal shapes share the first run. In between no answer is ready for as long as the second run takes.
  assert.deepEqual([...answers.keys()], [0, 2, 1]);
  const [first, last] = [answers.get(2)!.afterMs, answers.get(1)!.afterMs];
  assert.ok(last - first > runMs / 4, `answered after ${first} and ${last} ms`);
  assert.deepEqual(
    summary!.runs.map(({ rows }) => rows),
    [2, 1],
  );
  assert.ok(summary!.runs[1]!.queueUs > 800 * runMs);
  assert.ok(summary!.runs.every(({ occupiedUs }) => occupiedUs > 950 * runMs));
  // One after the other: what they occupied, and each its own delay, fits into the time until the last answer.
  const occupiedUs = summary!.runs.reduce((sum, run) => sum + run.occupiedUs, 0);
  assert.ok(occupiedUs <= 1_000 * last, `${occupiedUs} µs occupied in ${last} ms`);
});

test('requests of several envelopes and plain ones share a run', async () => {
  await using started = await startModelServer(slowSums(50));
  const one = (index: number) => frame({ index }, floats('x', [1, 1], [index]));
  const first = exchange(started.port, [one(0)]);
  const [a, b, plain] = await Promise.all([
    exchange(started.port, [one(1), one(2)]),
    exchange(started.port, [one(3)]),
    post(`${started.origin}/v2/models/sums/infer`, floats('x', [1, 1], [7])),
    first,
  ]);
  assert.equal(plain.status, 200);
  assert.deepEqual([a.summary!.runs[0]?.ownRows, b.summary!.runs[0]?.ownRows], [2, 1]);
  assert.ok(a.summary!.runs[0]!.rows >= 3, JSON.stringify(a.summary));
});

test('a request larger than a run names the last run and counts its rows in each', async () => {
  const config = 'maxRows: 4\n';
  await using started = await startModelServer({ sums: { versions: { 1: fixtures.variableLength() }, config } });
  const data = Array.from({ length: 10 }, (_, row) => row);
  const { answers, summary } = await exchange(started.port, [frame({ index: 0 }, floats('x', [10, 1], data))]);
  assert.equal(answers.get(0)!.head.rows, 10);
  assert.equal(answers.get(0)!.head.run, 2);
  assert.deepEqual(
    summary!.runs.map(({ ownRows }) => ownRows),
    [4, 4, 2],
  );
});

test('an item past its deadline is answered 504 and not computed', async () => {
  await using started = await startModelServer(slowSums(80));
  const { answers, summary } = await exchange(started.port, [
    frame({ index: 0 }, floats('x', [1, 1], [1])),
    frame({ index: 1, deadlineMs: 40 }, floats('x', [1, 2], [1, 2])),
    frame({ index: 2, deadlineMs: 0 }, floats('x', [1, 1], [1])),
  ]);
  assert.deepEqual(
    [0, 1, 2].map((index) => answers.get(index)!.head.status),
    [200, 504, 504],
  );
  assert.equal(summary!.runs.length, 1);
  assert.equal(summary!.runs[0]?.rows, 1);
});

test('beyond what the pod may stage the answer is busy, and nothing of it was executed', async () => {
  const body = floats('x', [1, 20], new Array<number>(20).fill(1));
  const size = Buffer.byteLength(JSON.stringify(body));
  await using started = await startModelServer(slowSums(50), { maxStagedBytes: String(size * 2) });
  const items = Array.from({ length: 5 }, (_, index) => frame({ index }, body));
  const { answers } = await exchange(started.port, items);
  const heads = [...answers.values()].map(({ head }) => head).sort((a, b) => a.index - b.index);
  assert.deepEqual(
    heads.map(({ status, busy }) => [status, busy ?? false]),
    [
      [200, false],
      [200, false],
      [503, true],
      [503, true],
      [503, true],
    ],
  );
  const again = await exchange(started.port, items.slice(0, 2));
  assert.equal(again.answers.get(1)!.head.status, 200, 'the bytes are released');
});

test('a broken envelope is a 400 while nothing was started, and ends without summary after', async () => {
  await using started = await startModelServer(sums);
  const good = frame({ index: 0 }, floats('x', [1, 1], [1]));
  const tooLong = Buffer.alloc(8);
  tooLong.writeUInt32LE(1 << 30, 0);
  const cases: readonly [readonly Buffer[], RegExp][] = [
    [[good, tooLong], /head of \d+ bytes is over the limit/],
    [[good, good.subarray(0, 20)], /ended inside a frame/],
    [[good, good], /index 0 names two items/],
    [[frame({ index: -1 }, {})], /head of an item: \/index must be >= 0/],
  ];
  for (const [pieces, message] of cases) {
    const { status, body } = await exchange(started.port, pieces);
    assert.equal(status, 400);
    assert.match((JSON.parse(body.toString()) as { error: string }).error, message);
  }
  const bad = frame({ index: 0, model: 'absent' }, {});
  const after = await exchange(started.port, [bad, tooLong], 30);
  assert.equal(after.status, 200);
  assert.equal(after.summary, null);
  assert.deepEqual(await inFlight(started.origin), 0);
  const empty = await exchange(started.port, []);
  assert.deepEqual(empty.summary?.runs, []);
});

test('of a gateway that leaves, what waits is dropped, and others are not hurt', async () => {
  await using started = await startModelServer(slowSums(100));
  const running = exchange(started.port, [frame({ index: 0 }, floats('x', [1, 1], [5]))]);
  const left = httpRequest({
    port: started.port,
    host: '127.0.0.1',
    path: '/v2/envelope',
    method: 'POST',
    headers: { 'content-type': 'application/vnd.sluice.envelope', ...withTestSecret },
  });
  left.on('error', () => undefined);
  left.end(Buffer.concat([0, 1, 2].map((index) => frame({ index }, floats('x', [1, 3], [1, 2, 3])))));
  while ((await inFlight(started.origin)) < 4) await new Promise((resolve) => setImmediate(resolve));
  left.destroy();
  while ((await inFlight(started.origin)) > 1) await new Promise((resolve) => setImmediate(resolve));
  const { answers, summary } = await running;
  assert.equal(answers.get(0)!.head.status, 200);
  assert.notEqual(summary, null);
  const { text } = await get(`${started.origin}/metrics`);
  assert.match(text, /nv_inference_request_failure\{model="sums",version="1",reason="CANCELED"\} 3/);
  assert.match(text, /nv_inference_exec_count\{model="sums",version="1"\} 1/);
  assert.match(text, /^sluice_pod_staged_bytes 0$/m);
});

async function inFlight(origin: string): Promise<number> {
  return ((await get(`${origin}/v2/pod`)).json as { inFlight: number }).inFlight;
}

test('an item over the limit of bodies fails alone', async () => {
  await using started = await startModelServer(sums, { maxBodyBytes: '200' });
  const large = frame({ index: 1 }, floats('x', [1, 90], new Array<number>(90).fill(1)));
  const { status, answers } = await exchange(started.port, [frame({ index: 0 }, floats('x', [1, 2], [1, 2])), large]);
  assert.equal(status, 200);
  assert.equal(answers.get(0)!.head.status, 200);
  assert.equal(answers.get(1)!.head.status, 413);
  assert.match(JSON.stringify(answers.get(1)!.json), /body of \d+ bytes is over the pod's limit of 200 bytes/);
});

test('an inflated body counts with its own length among what the pod holds', async () => {
  await using started = await startModelServer(slowSums(200), { maxStagedBytes: '3000' });
  const zipped = (index: number) => {
    const body = JSON.stringify(floats('x', [1, 2], [index, 1])).padEnd(2_000);
    return frame({ index, contentEncoding: 'gzip' }, gzipSync(body));
  };
  const { answers } = await exchange(started.port, [zipped(0), zipped(1)]);
  const busy = [0, 1].map((index) => answers.get(index)!.head.busy === true);
  assert.deepEqual(busy.toSorted(), [false, true], 'together they are over the limit');
  const { answers: next } = await exchange(started.port, [zipped(2)]);
  assert.equal(next.get(2)!.head.status, 200, 'nothing is held any more');
});

test('unfinished envelopes count with the bytes that came, and what has no room is let go', async () => {
  const maxStagedBytes = 1 << 20;
  await using started = await startModelServer(sums, { maxStagedBytes: String(maxStagedBytes) });
  const { staging } = started.server.pod;
  const whole = frame({ index: 0 }, Buffer.alloc(600_000, ' '));
  const envelopes = Array.from({ length: 4 }, () => {
    const options = { port: started.port, host: '127.0.0.1', path: '/v2/envelope', method: 'POST' };
    const sent = httpRequest({
      ...options,
      headers: { 'content-type': 'application/vnd.sluice.envelope', 'content-length': whole.length, ...withTestSecret },
    });
    const answer = new Promise<AnswerHead>((resolve) => {
      sent.on('response', (response) => {
        const decoder = new FrameDecoder({ maxBodyBytes: 1 << 16 });
        response.on('data', (part: Buffer) => {
          const [first] = decoder.push(part);
          if (first !== undefined) resolve(JSON.parse(first.head.toString()) as AnswerHead);
        });
      });
    });
    sent.write(whole.subarray(0, whole.length - 1));
    return { sent, answer };
  });
  // Requests in turn, with small ones of others that are answered: by then the pod has read all that was sent.
  for (let round = 0; round < 50; round += 1) {
    const { answers } = await exchange(started.port, [frame({ index: 0 }, floats('x', [1, 1], [1]))]);
    assert.ok(staging.bytes <= maxStagedBytes, `${staging.bytes} bytes`);
    assert.equal(answers.size, 1);
  }
  for (const { sent } of envelopes) sent.end(whole.subarray(whole.length - 1));
  const busy = (await Promise.all(envelopes.map(({ answer }) => answer))).filter((head) => head.busy === true);
  assert.ok(busy.length >= 3, `${busy.length} of 4 were let go, where one has room`);
  assert.equal(staging.bytes, 0);
});
