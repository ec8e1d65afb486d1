/**
 * Large bodies at a real pod, as strangers send them: each is answered right or refused with what was too much, and the pod answers
 * everybody else meanwhile.
 */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { request as httpRequest } from 'node:http';
import { getPriority } from 'node:os';
import process from 'node:process';
import test, { after, before } from 'node:test';
import { gzipSync } from 'node:zlib';
import { appendFrame, FrameDecoder, type AnswerHead, type ItemHead } from '../../contract/envelope.ts';
import { writeOnnx } from '../../models/author/onnx-writer.ts';
import * as fixtures from '../../models/author/fixtures.ts';
import { floats, get, post, startModelServer, type TestServer } from '../../models/testing/model-server.ts';
import { withTestSecret } from '../../runtime/testing/secret.ts';
import { until } from '../support/gateway-harness.ts';

const mebibyte = 1024 * 1024;

function identity(datatype: 'BYTES' | 'FP32' | 'INT32', shape: readonly (string | number)[]): Uint8Array {
  return writeOnnx({
    name: 'identity',
    inputs: [{ name: 'x', datatype, shape }],
    outputs: [{ name: 'y', datatype, shape }],
    nodes: [{ operator: 'Identity', inputs: ['x'], outputs: ['y'] }],
  });
}

const models = {
  sums: { versions: { 1: fixtures.variableLength() } },
  text: { versions: { 1: identity('BYTES', ['batch']) } },
  table: { versions: { 1: identity('FP32', ['batch', 20]) } },
  whole: { versions: { 1: identity('INT32', ['batch', 'n']) } },
};

let started: TestServer;
before(async () => {
  started = await startModelServer(models);
});
after(() => started[Symbol.asyncDispose]());

const bodyOf = (datatype: string, shape: readonly number[], data: string): Buffer =>
  Buffer.from(`{"inputs":[{"name":"x","datatype":"${datatype}","shape":${JSON.stringify(shape)},"data":[${data}]}]}`);
const repeated = (element: string, count: number): string => `${element},`.repeat(count).slice(0, -1);
/** Most of a second of parsing, for an error at its end: one number is missing. */
const slow = (): Buffer => bodyOf('INT32', [1, 1_500_000], repeated('1e0', 1_500_000 - 1));

const infer = (origin: string, model: string): string => `${origin}/v2/models/${model}/infer`;

/** Asks for the pod's state, its health and a small prediction, in turn, until the other request has ended. */
async function besides(other: Promise<unknown>): Promise<{ answered: number; busy: number }> {
  const { origin } = started;
  const ended = other.then(() => true);
  let answered = 0;
  let busy = 0;
  do {
    const { inFlight } = (await get(`${origin}/v2/pod`)).json as { inFlight: number };
    assert.equal((await get(`${origin}/v2/health/live`)).status, 200);
    const { status, text } = await post(infer(origin, 'sums'), floats('x', [1, 2], [3, 4]));
    assert.equal(status, 200, text);
    assert.match(text, /"data":\[7\.0\]/);
    answered += 1;
    busy += inFlight;
  } while (!(await Promise.race([ended, new Promise((resolve) => setTimeout(resolve, 1, false))])));
  return { answered, busy };
}

/** Whether the pod has no request, and no byte of one. */
async function isEmpty(): Promise<boolean> {
  const { inFlight } = (await get(`${started.origin}/v2/pod`)).json as { inFlight: number };
  return inFlight === 0 && started.server.pod.staging.bytes === 0;
}

for (const [title, model, body, headers, error] of [
  [
    'numbers that take long to read',
    'whole',
    slow,
    {},
    { status: 400, message: /data has 1499999 elements, shape \[1,1500000\] needs 1500000/ },
  ],
  [
    '12 KB of gzip that hold 4,000,000 texts',
    'text',
    () => gzipSync(bodyOf('BYTES', [4_000_000], repeated('""', 4_000_000)), { level: 9 }),
    { 'content-encoding': 'gzip' },
    { status: 400, message: /the request has 4000000 rows, model 'text' takes at most 131072/ },
  ],
  [
    '60 MiB of blanks in 60 KB of gzip',
    'text',
    () => gzipSync(Buffer.alloc(60 * mebibyte, ' ')),
    { 'content-encoding': 'gzip' },
    { status: 400, message: /the body is empty/ },
  ],
  [
    '800,000 keys that nobody knows',
    'sums',
    () => Buffer.from(`{"more":{${Array.from({ length: 800_000 }, (_, at) => `"k${at}":1`).join()}},"inputs":[]}`),
    {},
    { status: 400, message: /inputs: is missing or empty/ },
  ],
] as const) {
  test(`${title}: refused, and the pod answers meanwhile`, { timeout: 120_000 }, async () => {
    const ask = async (): Promise<{ busy: number }> => {
      const sent = post(infer(started.origin, model), body(), headers);
      const { answered, busy } = await besides(sent);
      const { status, text } = await sent;
      assert.equal(status, error.status, text);
      assert.match(text, error.message);
      assert.ok(answered > 0);
      return { busy };
    };
    // The slowest takes so long that the pod said that it has the request, which it could not while it was reading. A machine that
    // gave this process no core meanwhile is asked again.
    if (model !== 'whole') await ask();
    else await until('an answer while the body is read', async () => (await ask()).busy > 0);
    await until('nothing is left', isEmpty);
  });
}

test(
  'a table of 100,000 rows with missing values is answered right, alone and in an envelope',
  { timeout: 120_000 },
  async () => {
    const data = Array.from({ length: 2_000_000 }, (_, at) => (at % 1000 === 3 ? Number.NaN : Math.fround(at / 7)));
    const body = Buffer.from(JSON.stringify(floats('x', [100_000, 20], data)));
    const { status, json } = await post(infer(started.origin, 'table'), body);
    assert.equal(status, 200);
    const answer = (json as { outputs: { data: (number | null)[] }[] }).outputs[0]!.data;
    assert.equal(answer.length, data.length);
    assert.equal(
      answer.findIndex((value, at) => !Object.is(value === null ? Number.NaN : Math.fround(value), data[at])),
      -1,
    );
    const heads = await envelope(started.port, [
      { model: 'table', body },
      { model: 'sums', body: Buffer.from(JSON.stringify(floats('x', [1, 2], [3, 4]))) },
    ]);
    assert.deepEqual(
      [0, 1].map((index) => heads.get(index)?.status),
      [200, 200],
    );
    await until('nothing is left', isEmpty);
  },
);

test('a text of 20 MiB comes back as it was, with characters of every length', { timeout: 120_000 }, async () => {
  const text = 'abc é € 😀 \\" '.repeat(mebibyte);
  const { status, json } = await post(infer(started.origin, 'text'), bodyOf('BYTES', [1], JSON.stringify(text)));
  assert.equal(status, 200);
  assert.ok((json as { outputs: { data: string[] }[] }).outputs[0]!.data[0] === text);
});

test('neighbours in an envelope are answered before a body that takes long', { timeout: 120_000 }, async () => {
  const small = Buffer.from(JSON.stringify(floats('x', [1, 2], [3, 4])));
  const items = [
    { model: 'whole', body: slow() },
    { model: 'sums', body: small },
    { model: 'sums', body: small },
  ];
  const heads = await envelope(started.port, items);
  assert.deepEqual([...heads.keys()].toSorted(), [0, 1, 2]);
  assert.equal([...heads.keys()].at(-1), 0, 'the large one is answered last');
  assert.deepEqual([heads.get(0)!.status, heads.get(1)!.status, heads.get(2)!.status], [400, 200, 200]);
});

test('a body that passes its CPU time is refused, and the next one is read', { timeout: 120_000 }, async () => {
  await using strict = await startModelServer(models, { bodyCpuLimitMs: '150' });
  const heads = await envelope(strict.port, [{ model: 'whole', body: slow() }]);
  assert.equal(heads.get(0)!.status, 413);
  const { status, text } = await post(infer(strict.origin, 'whole'), slow());
  assert.equal(status, 413);
  assert.match(text, /reading the body of \d+ bytes takes more than 150 ms of CPU time \(--body-cpu-limit-ms\)/);
  const fine = await post(infer(strict.origin, 'text'), bodyOf('BYTES', [1], JSON.stringify('a'.repeat(300_000))));
  assert.equal(fine.status, 200, fine.text.slice(0, 200));
});

/** Nice values of the threads of this process, the pod's among them. Only Linux has one for each thread. */
function niceValues(): Set<number> {
  const stats = readdirSync('/proc/self/task').map((task) => readFileSync(`/proc/self/task/${task}/stat`, 'utf8'));
  // Behind the name, which may have blanks, it is the 17th field (proc_pid_stat(5)).
  return new Set(stats.map((stat) => Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[16])));
}

test('a large body is read at a lower priority than all else', { skip: process.platform !== 'linux' }, async () => {
  const before = getPriority();
  const { status } = await post(
    infer(started.origin, 'text'),
    bodyOf('BYTES', [1], JSON.stringify('a'.repeat(300_000))),
  );
  assert.equal(status, 200);
  assert.deepEqual(niceValues(), new Set([before, Math.min(19, before + 6)]));
});

test('a body whose deadline passes while it is read is answered 504, and the next one is read', async () => {
  const late = await post(infer(started.origin, 'whole'), slow(), { 'sluice-timeout-ms': '300' });
  assert.equal(late.status, 504, late.text);
  const fine = await post(infer(started.origin, 'text'), bodyOf('BYTES', [1], JSON.stringify('a'.repeat(300_000))));
  assert.equal(fine.status, 200, fine.text.slice(0, 200));
});

/** Sends items as one envelope. @returns the heads of their answers, in the order in which they came */
function envelope(port: number, items: readonly { model: string; body: Buffer }[]): Promise<Map<number, AnswerHead>> {
  const frames: Buffer[] = [];
  for (const [index, { model, body }] of items.entries()) {
    const head: ItemHead = { index, model, protocol: 'oip', contentType: 'application/json', deadlineMs: 100_000 };
    appendFrame(frames, head, [body]);
  }
  const { promise, resolve, reject } = Promise.withResolvers<Map<number, AnswerHead>>();
  const sent = httpRequest({
    port,
    host: '127.0.0.1',
    path: '/v2/envelope',
    method: 'POST',
    headers: { 'content-type': 'application/vnd.sluice.envelope', ...withTestSecret },
  });
  sent.on('error', reject);
  sent.on('response', (response) => {
    const decoder = new FrameDecoder({ maxBodyBytes: 1 << 28 });
    const heads = new Map<number, AnswerHead>();
    response.on('data', (part: Buffer) => {
      for (const { head } of decoder.push(part)) {
        const parsed = JSON.parse(head.toString()) as AnswerHead;
        if ('index' in parsed) heads.set(parsed.index, parsed);
      }
    });
    response.on('end', () => resolve(heads));
    response.on('error', reject);
  });
  sent.end(Buffer.concat(frames));
  return promise;
}
