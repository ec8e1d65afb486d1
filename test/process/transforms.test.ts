/** Transforms that strangers bring, broken in every way that was thought of, on a real pod beside a model without one. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { stripTypeScriptTypes } from 'node:module';
import test from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { appendFrame, FrameDecoder, type AnswerHead } from '../../contract/envelope.ts';
import { mediaTypes, paths } from '../../contract/headers.ts';
import * as fixtures from '../../models/author/fixtures.ts';
import { floats, get, post, type Answered, type ModelFiles } from '../../models/testing/model-server.ts';
import { withTestSecret } from '../../runtime/testing/secret.ts';
import { ready, start, type Started } from '../support/pod-process.ts';
import { childrenOf, isAlive } from '../support/processes.ts';

interface Parts {
  /** Statements that run where a value of the request is 13. */
  readonly fault?: string;
  readonly before?: string;
  readonly after?: string;
  readonly top?: string;
}

/** A transform from `v` [n,2] to the model's `x`, and from its `y` [n,1] to `sum` [n]. The fault is in line 8. */
function source({ fault = '', before = 'before', after = 'after', top = '' }: Parts): string {
  return `import { BadInput, type Tensors, type Transform } from 'sluice/transform';
${top}
export const transform = {
  inputs: [{ name: 'v', datatype: 'FP32', shape: [-1, 2] }],
  outputs: [{ name: 'sum', datatype: 'FP32', shape: [-1] }],
  ${before}(inputs: Tensors) {
    let v = inputs.get('v')!;
    if (v.data[0] === 13) { ${fault} }
    if (v.data[0] === 14) throw new BadInput('14 is not for sale');
    return new Map([['x', v]]);
  },
  ${after}(outputs: Tensors) {
    const y = outputs.get('y')!;
    return new Map([['sum', { datatype: 'FP32', shape: [y.shape[0]!], data: y.data }]]);
  },
} satisfies Transform;
`;
}

const model = (transform: string, config?: string): ModelFiles => ({
  versions: { 1: fixtures.variableLength() },
  transform,
  ...(config === undefined ? {} : { config }),
});
const plain = { versions: { 1: fixtures.variableLength() } };

const ask = ({ origin }: Started, name: string, value: number, rows = 1): Promise<Answered> =>
  post(`${origin}/v2/models/${name}/infer`, floats('v', [rows, 2], new Array<number>(rows * 2).fill(value)));

function assertSum(answer: Answered, value: number, rows = 1): void {
  assert.equal(answer.status, 200, answer.text);
  const { outputs } = answer.json as { outputs: { name: string; data: number[] }[] };
  assert.deepEqual(outputs, [
    { name: 'sum', datatype: 'FP32', shape: [rows], data: new Array<number>(rows).fill(2 * value) },
  ]);
}

/** Asks the model without a transform, one request after the other, until told to stop. @returns how many were right */
async function askOther({ origin }: Started, stop: AbortSignal): Promise<number> {
  let right = 0;
  while (!stop.aborted) {
    const answer = await post(`${origin}/v2/models/other/infer`, floats('x', [1, 3], [right, 1, 2]));
    assert.equal(answer.status, 200, answer.text);
    assert.deepEqual((answer.json as { outputs: { data: number[] }[] }).outputs[0]!.data, [right + 3]);
    right += 1;
  }
  return right;
}

async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  for (let turn = 0; turn < 2_400; turn += 1) {
    if (await holds()) return;
    await sleep(50);
  }
  assert.fail(`never: ${what}`);
}

const faults: Readonly<Record<string, { readonly fault: string; readonly says: RegExp }>> = {
  'wrong-name': {
    fault: "return new Map([['z', v]]);",
    says: /transform\.ts: before gave a tensor "z", expected: 'x'/,
  },
  'rejected-promise': {
    fault: "return Promise.reject(new RangeError('no such word'));",
    says: /transform\.ts: before: RangeError: no such word \(transform\.ts:8:\d+\)/,
  },
  'lost-row': {
    fault: "return new Map([['x', { ...v, shape: [v.shape[0] - 1, 2], data: v.data.slice(2) }]]);",
    says: /before gave 'x' with shape \[1,2\]: 1 rows, the request has 2/,
  },
  'endless-loop': { fault: 'for (;;);', says: /took longer than 1000 ms \(transform\.timeoutMs\)/ },
  'thrown-string': { fault: "throw 'not today';", says: /before: threw "not today", which is no Error/ },
  exit: {
    fault: 'process.exit(3);',
    says: /ended with exit code 3: process\.exit\(3\) was called \(transform\.ts:8:\d+\)/,
  },
  hoarder: {
    fault: 'const held = []; for (let i = 0; i < 32; i += 1) held.push(Buffer.alloc(64 * 2 ** 20, 1)); return held;',
    // Which limit is met first depends on the kernel's tools.
    says: /Array buffer allocation failed \(transform\.ts:8:\d+\)|used \d+ MiB of memory, the limit is 256 MiB/,
  },
  abort: {
    fault: 'process.abort();',
    says: /killed by SIGABRT: process\.abort\(\) was called \(transform\.ts:8:\d+\)/,
  },
  'never-settled': { fault: 'return new Promise(() => undefined);', says: /before took longer than 1000 ms/ },
  'late-throw': {
    fault: "return new Promise(() => setTimeout(() => { throw new TypeError('too late'); }));",
    says: /ended with exit code 1: TypeError: too late \(transform\.ts:8(:\d+)?\)/,
  },
  'no-map': { fault: 'return [v];', says: /before: it must return a Map of tensors by name, was: an array/ },
  'wrong-array': {
    fault: "return new Map([['x', { ...v, data: [1, 2, 3, 4] }]]);",
    says: /tensor "x": data of FP32 must be a Float32Array, was: \[1,2,3,4\]/,
  },
  'wrong-type': {
    fault: "return new Map([['x', { ...v, datatype: 'FP64', data: Float64Array.from(v.data) }]]);",
    says: /before gave 'x' as FP64, expected: FP32/,
  },
  'writes-to-the-pipe': {
    fault: "require('node:fs').writeSync(3, 'x'.repeat(64)); return new Promise(() => undefined);",
    says: /its process wrote what is no answer: a frame of \d+ bytes/,
  },
};

/** A limit that no starved process reaches, but for those faults that are to reach it. */
const limitsOf = (says: RegExp): string =>
  `transform: { timeoutMs: ${says.source.includes('1000 ms') ? 1_000 : 60_000}, memoryMiB: 256 }\nwarmup: false\n`;

test('a syntax error, an enum and a wrong declaration name their line, and a mended file is served', async () => {
  const good = source({});
  const line = good.split('\n').length + 1;
  const unusable: Record<string, { transform: string; says: RegExp }> = {
    syntax: {
      transform: `${good}\nconst x = (;\n`,
      says: new RegExp(`transform\\.ts: SyntaxError.*\\(transform\\.ts:${line + 0}\\)`),
    },
    enumeration: {
      transform: `${good}\nenum Size { Small }\n`,
      says: new RegExp(`enum is not supported in strip-only mode \\(transform\\.ts:${line}\\)`),
    },
    reference: {
      transform: source({ top: 'undefinedHere();' }),
      says: /ReferenceError: undefinedHere is not defined \(transform\.ts:2:1\)/,
    },
    'no-package': {
      transform: source({ top: "import 'no-such-package';" }),
      says: /Cannot find package 'no-such-package'/,
    },
    datatype: {
      transform: good.replaceAll('FP32', 'float'),
      says: /transform\.inputs\[0\]\.datatype must be one of BOOL.*was: "float"/,
    },
    nothing: { transform: 'export const other = 1;\n', says: /it must export 'transform', an object, was: undefined/ },
    misspelt: {
      transform: source({ before: 'befour' }),
      says: /transform\.before is missing, there is 'befour', 'after'/,
    },
    'exit-at-once': {
      transform: source({ top: 'process.exit(0);' }),
      says: /ended with exit code 0: process\.exit\(0\) was called/,
    },
  };
  const models = Object.entries(unusable).map(([name, { transform }]) => [name, model(transform)] as const);
  await using pod = await start({ ...Object.fromEntries(models), other: plain });
  await ready(pod);
  for (const [name, { says }] of Object.entries(unusable)) {
    const answer = await ask(pod, name, 1);
    assert.equal(answer.status, 503, answer.text);
    assert.match((answer.json as { error: string }).error, says);
  }
  await writeFile(path.join(pod.repository, 'syntax/transform.ts'), good);
  await until('the mended file is served', async () => (await ask(pod, 'syntax', 1)).status === 200);
  assertSum(await ask(pod, 'syntax', 3), 3);
});

test('a mended transform is served by the session that waits for it; no other one is loaded for an edit', async () => {
  const broken = model(`${source({})}\nconst x = (;\n`);
  await using pod = await start({ mended: broken, other: plain }, { SLUICE_REPOSITORY_POLL_MS: '500' });
  await ready(pod);
  const file = path.join(pod.repository, 'mended/transform.ts');
  const surface = async (): Promise<unknown> => {
    const { json, status } = await get(`${pod.origin}/v2/models/mended`);
    return status === 200 ? (json as { inputs: { name: string }[] }).inputs.map(({ name }) => name) : status;
  };
  await writeFile(file, `${source({})}\nconst y = (;\n`);
  await until('the log says why', () => pod.log().includes('the changed transform is not used'));
  assert.equal((await ask(pod, 'mended', 1)).status, 503);
  await writeFile(file, source({}));
  await until('the mended file is served', async () => (await ask(pod, 'mended', 1)).status === 200);
  assert.deepEqual(await surface(), ['v']);
  // Two looks at the repository are over by then: what they have found has been dealt with.
  await writeFile(path.join(pod.repository, 'other/config.yaml'), 'maxRows: 2\n');
  await until('a later change is taken', () => pod.log().includes('the content of a version was replaced'));
  assertSum(await ask(pod, 'mended', 2), 2);
  assert.equal(pod.log().split('a version was loaded beside').length, 1, pod.log());
});

test('a file that changes while it is imported is imported again, and one that was missing once it comes', async () => {
  const slow = "console.log('half imported'); await new Promise((resolve) => setTimeout(resolve, 1_500));";
  const importsLabels = "import { factor } from './factor.ts';";
  await using pod = await start({
    slow: model(source({ top: slow })),
    missing: model(source({ top: importsLabels })),
    other: plain,
  });
  await until('the import is under way', () => pod.log().includes('half imported'));
  await writeFile(path.join(pod.repository, 'slow/transform.ts'), source({}).replaceAll("'v'", "'w'"));
  await ready(pod);
  assert.equal((await ask(pod, 'missing', 1)).status, 503);
  await writeFile(path.join(pod.repository, 'missing/factor.ts'), 'export const factor = 1;\n');
  const renamed = () => post(`${pod.origin}/v2/models/slow/infer`, floats('w', [1, 2], [3, 3]));
  await until('the new one answers', async () => (await renamed()).status === 200);
  await until('the missing file is found', async () => (await ask(pod, 'missing', 1)).status === 200);
});

test('limits that change, and a file of another name, are obeyed; what they replace is ended with its last version', async () => {
  const never = source({ fault: 'return new Promise(() => undefined);' });
  const config = (timeoutMs: number): string => `transform: { timeoutMs: ${timeoutMs} }\nwarmup: false\n`;
  await using pod = await start(
    {
      model: {
        ...model(never, config(600_000)),
        versions: { 1: fixtures.variableLength(), 2: fixtures.variableLength() },
      },
    },
    { SLUICE_REPOSITORY_POLL_MS: '500' },
  );
  await ready(pod);
  const folder = path.join(pod.repository, 'model');
  const [pid] = transformsOf(pod);
  assertSum(await ask(pod, 'model', 1), 1);
  await writeFile(path.join(folder, 'config.yaml'), config(500));
  const replaced = (times: number) => () =>
    pod.log().split('the content of a version was replaced').length - 1 >= times;
  await until('both versions have it', replaced(2));
  const refused = await ask(pod, 'model', 13);
  assert.equal(refused.status, 500, refused.text);
  assert.match(refused.text, /before took longer than 500 ms/);
  await until('the process before has ended', () => !isAlive(pid!));
  assertSum(await ask(pod, 'model', 1), 1);

  await rm(path.join(folder, 'transform.ts'));
  await writeFile(path.join(folder, 'transform.js'), stripTypeScriptTypes(never.replaceAll("'v'", "'w'")));
  const renamed = () => post(`${pod.origin}/v2/models/model/infer`, floats('w', [1, 2], [3, 3]));
  await until('the file of another name answers', async () => (await renamed()).status === 200);
  await until('one process is left', () => transformsOf(pod).length === 1);
  assert.match(
    (await get(`${pod.origin}/metrics`)).text,
    /sluice_pod_transform_failures_total\{model="model",reason="failed"\} 1/,
  );
});

test('broken transforms fail the request that breaks them, and nothing beside it', async (t) => {
  const top = "import { createRequire } from 'node:module';\nconst require = createRequire(import.meta.url);".replace(
    '\n',
    ' ',
  );
  const broken = Object.entries(faults).map(
    ([name, { fault, says }]) => [name, model(source({ fault, top }), limitsOf(says))] as const,
  );
  await using pod = await start({ ...Object.fromEntries(broken), other: plain });
  await ready(pod);
  const stop = new AbortController();
  const other = askOther(pod, stop.signal);
  await Promise.all(
    Object.entries(faults).map(([name, { says }]) =>
      t.test(name, async () => {
        const [one, bad, two, refused] = await Promise.all([
          ask(pod, name, 1),
          ask(pod, name, 13, 2),
          ask(pod, name, 2, 3),
          ask(pod, name, 14),
        ]);
        assert.equal(bad.status, 500, bad.text);
        assert.match(bad.text, new RegExp(`model '${name}'`));
        assert.match((bad.json as { error: string }).error, says);
        assertSum(one, 1);
        assertSum(two, 2, 3);
        assert.deepEqual([refused.status, refused.json], [400, { error: '14 is not for sale' }]);
        assertSum(await ask(pod, name, 5), 5);
      }),
    ),
  );
  stop.abort();
  assert.ok((await other) > 0);
  assert.equal(pod.child.exitCode, null);
  assert.equal((await get(`${pod.origin}/v2/health/ready`)).status, 200);
});

/** Ids of the processes of transforms, each at its model's folder. */
function transformsOf(pod: Started): number[] {
  return childrenOf(pod.child.pid!)
    .filter(({ words }) => words.some((word) => word.includes('transforms')))
    .map(({ pid }) => pid);
}

test('the processes end with the pod: drained, killed, and killed while they compute', async () => {
  const models = {
    idle: model(source({})),
    busy: model(source({ fault: 'for (;;);' }), 'transform: { timeoutMs: 60000 }\n'),
  };
  const drained = await start(models);
  await ready(drained);
  const first = transformsOf(drained);
  assert.equal(first.length, 2);
  drained.child.kill('SIGTERM');
  assert.equal((await drained.ended).code, 0);
  await until('the processes of a drained pod are gone', () => !first.some(isAlive));
  await drained[Symbol.asyncDispose]();

  const killed = await start(models);
  await ready(killed);
  const second = transformsOf(killed);
  const lost = ask(killed, 'busy', 13).catch(() => null);
  const idleMs = performance.now();
  const cpu = () =>
    second.map((pid) =>
      Number(
        readFileSync(`/proc/${pid}/stat`, 'latin1')
          .replace(/^.*\) /s, '')
          .split(' ')[11],
      ),
    );
  await until('one of them computes', () => cpu().some((ticks) => ticks > 50) || performance.now() - idleMs > 60_000);
  killed.child.kill('SIGKILL');
  await lost;
  await until('the processes of a killed pod are gone', () => !second.some(isAlive));
  await killed[Symbol.asyncDispose]();
});

test('a drain waits for requests that are being converted', async () => {
  const slow = source({ before: 'async before' }).replace(
    'let v',
    'await new Promise((end) => setTimeout(end, 500)); let v',
  );
  await using pod = await start({ slow: model(slow) });
  await ready(pod);
  const answers = [ask(pod, 'slow', 1), ask(pod, 'slow', 2)];
  await until(
    'they are in flight',
    async () => ((await get(`${pod.origin}/v2/pod`)).json as { inFlight: number }).inFlight === 2,
  );
  pod.child.kill('SIGTERM');
  for (const [index, answer] of (await Promise.all(answers)).entries()) assertSum(answer, index + 1);
  assert.equal((await pod.ended).code, 0);
});

test('a process that nobody asked to end is started again by the next request', async () => {
  await using pod = await start({ model: model(source({})), other: plain });
  await ready(pod);
  for (let turn = 1; turn <= 3; turn += 1) {
    const [pid] = transformsOf(pod);
    process.kill(pid!, 'SIGKILL');
    await until('it is gone', () => !isAlive(pid!));
    await until('another one answers', async () => (await ask(pod, 'model', turn)).status === 200);
    assertSum(await ask(pod, 'model', turn), turn);
  }
  const text = (await get(`${pod.origin}/metrics`)).text;
  assert.match(text, /sluice_pod_transform_starts_total\{model="model"\} 4/);
});

test('a changed file is read again; a broken one is not, and the old one stays', async () => {
  await using pod = await start({
    model: model(source({ top: "import { factor } from './factor.ts';" })),
    other: plain,
  });
  // The folder is written before the pod scans it only by chance, so the model may have failed at first.
  await writeFile(path.join(pod.repository, 'model/factor.ts'), 'export const factor = 1;\n');
  await ready(pod);
  await until('it is served', async () => (await ask(pod, 'model', 1)).status === 200);
  const [pid] = transformsOf(pod);
  const file = path.join(pod.repository, 'model/transform.ts');
  await writeFile(file, source({ top: 'syntax error' }));
  await until('the log says why', () => pod.log().includes('the changed transform is not used'));
  assertSum(await ask(pod, 'model', 2), 2);
  assert.equal(transformsOf(pod)[0], pid);
  await writeFile(file, source({}).replaceAll("'sum'", "'total'").replaceAll("'v'", "'w'"));
  const renamed = () => post(`${pod.origin}/v2/models/model/infer`, floats('w', [1, 2], [3, 3]));
  await until('the new one answers', async () => (await renamed()).status === 200);
  assert.match((await renamed()).text, /"name":"total"/);
  assert.equal((await ask(pod, 'model', 1)).status, 400);
});

test('packages come from the folder of the model, and a batch is converted at once', async () => {
  const batched = `
import { twice } from 'doubler';
import { BadInput, type Tensors, type Transform } from 'sluice/transform';
export const transform = {
  inputs: [{ name: 'v', datatype: 'FP32', shape: [-1, 2] }],
  outputs: [{ name: 'sum', datatype: 'FP32', shape: [-1] }, { name: 'together', datatype: 'INT32', shape: [-1] }],
  beforeAll: async (requests: readonly Tensors[]) => {
    if (requests.some((request) => request.get('v')!.data[0] === 13) && requests.length > 1) throw new Error('13 among others');
    return requests.map((request) => {
      const v = request.get('v')!;
      if (v.data[0] === 13) return new BadInput('13 is unlucky');
      return new Map([['x', { ...v, data: twice(v.data) }]]);
    });
  },
  afterAll: (answers: readonly Tensors[]) => answers.map((answer) => {
    const { shape: [rows], data } = answer.get('y')!;
    return new Map([
      ['sum', { datatype: 'FP32', shape: [rows!], data }],
      ['together', { datatype: 'INT32', shape: [rows!], data: new Int32Array(rows!).fill(answers.length) }],
    ]);
  }),
} satisfies Transform;
`;
  const root = await mkdtemp(path.join(tmpdir(), 'sluice-packages-'));
  const folder = path.join(root, 'm');
  await mkdir(path.join(folder, '1'), { recursive: true });
  await mkdir(path.join(folder, 'node_modules/doubler'), { recursive: true });
  await writeFile(path.join(folder, '1/model.onnx'), fixtures.variableLength());
  await writeFile(path.join(folder, 'transform.ts'), batched);
  await writeFile(path.join(folder, 'node_modules/doubler/package.json'), '{"name":"doubler","main":"main.cjs"}');
  await writeFile(
    path.join(folder, 'node_modules/doubler/main.cjs'),
    'exports.twice = (data) => data.map((value) => 2 * value);',
  );
  await using pod = await start({}, { SLUICE_REPOSITORY: root });
  await ready(pod);
  const values = Array.from({ length: 40 }, (_, index) => index);
  const answers = await envelope(pod, 'm', values);
  for (const value of values) {
    const { status, text } = answers.get(value)!;
    if (value === 13) {
      assert.deepEqual([status, text], [400, '{"error":"13 is unlucky"}']);
      continue;
    }
    const { outputs } = JSON.parse(text) as { outputs: { name: string; data: number[] }[] };
    assert.deepEqual(outputs[0]!.data, [4 * value]);
    assert.ok(outputs[1]!.data[0]! > 1, 'the answers of a run are rendered together');
  }
  await rm(root, { recursive: true });
});

test('the parameters of a request reach its transform, in its process and in the pod, by both protocols', async () => {
  const scaled = source({})
    .replace('before(inputs: Tensors)', 'before(inputs: Tensors, { by = 1 }: { readonly by?: number })')
    .replace("['x', v]", "['x', { ...v, data: v.data.map((value) => value * by) }]")
    .replace('after(outputs: Tensors)', 'after(outputs: Tensors, { plus = 0 }: { readonly plus?: number })')
    .replace('data: y.data', 'data: y.data.map((value) => value + plus)');
  await using pod = await start({
    beside: model(scaled),
    inside: model(scaled, 'transform: { inPod: true }\n'),
    plain,
  });
  await ready(pod);
  const parameters = { by: 3, plus: 0.5, other: { of: ['the', 'client'] } };
  const body = floats('v', [1, 2], [1, 1]);
  for (const name of ['beside', 'inside']) {
    const sums = async (...bodies: readonly object[]): Promise<unknown[]> => {
      const answers = await Promise.all(bodies.map((one) => post(`${pod.origin}/v2/models/${name}/infer`, one)));
      return answers.map(
        ({ json, text }) => (json as { outputs?: { data: unknown[] }[] }).outputs?.[0]?.data[0] ?? text,
      );
    };
    assert.deepEqual(await sums({ ...body, parameters }, body, { ...body, parameters: { by: 2 } }), [6.5, 2, 4]);
    const v1 = await post(`${pod.origin}/v1/models/${name}:predict`, { instances: [[1, 1]], parameters });
    assert.deepEqual(v1.json, { predictions: [6.5] });
    const [large] = await sums({ ...body, parameters: { by: 'x'.repeat(16_384) } });
    assert.match(String(large), /parameters: a transform takes at most 16384, was: 16393 characters of JSON/);
  }
  const own = { ...floats('x', [1, 2], [1, 1]), parameters: { by: 'x'.repeat(20_000) } };
  assert.equal((await post(`${pod.origin}/v2/models/plain/infer`, own)).status, 200, 'nobody looks at those of others');
});

/** Sends one value a request, all of them in one envelope. */
async function envelope(
  { origin }: Started,
  name: string,
  values: readonly number[],
): Promise<Map<number, { status: number; text: string }>> {
  const frames: Buffer[] = [];
  for (const [index, value] of values.entries()) {
    const body = Buffer.from(JSON.stringify(floats('v', [1, 2], [value, value])));
    appendFrame(frames, { index, model: name, protocol: 'oip', deadlineMs: 60_000 }, [body]);
  }
  const response = await fetch(`${origin}${paths.envelope}`, {
    method: 'POST',
    headers: { 'content-type': mediaTypes.envelope, ...withTestSecret },
    body: Buffer.concat(frames),
  });
  assert.equal(response.status, 200);
  const decoder = new FrameDecoder({ maxBodyBytes: 1e6 });
  const answers = new Map<number, { status: number; text: string }>();
  for (const { head, body } of decoder.push(Buffer.from(await response.arrayBuffer()))) {
    const { index, status } = JSON.parse(head.toString()) as Partial<AnswerHead>;
    if (index !== undefined) answers.set(values[index]!, { status: status!, text: body.toString() });
  }
  assert.equal(answers.size, values.length);
  return answers;
}

test('the shipped example works as it is, copied to any folder; as JavaScript too', async () => {
  const root = await mkdtemp(path.join(tmpdir(), 'sluice-copied-'));
  const zoo = new URL('../../models/zoo/langid/', import.meta.url);
  await cp(zoo, path.join(root, 'langid'), { recursive: true });
  // The example runs in the pod by its config.yaml, and without one in a process of its own, as any other.
  for (const name of ['alone', 'script']) {
    await cp(zoo, path.join(root, name), { recursive: true });
    await rm(path.join(root, name, 'config.yaml'));
  }
  const folder = path.join(root, 'script');
  for (const name of ['transform', 'frequencies', 'letters']) {
    const text = stripTypeScriptTypes(await readFile(path.join(folder, `${name}.ts`), 'utf8'));
    await writeFile(path.join(folder, `${name}.js`), text.replaceAll(/(from '\.\/\w+)\.ts'/g, "$1.js'"));
    await rm(path.join(folder, `${name}.ts`));
  }
  await cp(folder, path.join(root, 'misspelt'), { recursive: true });
  const letters = path.join(root, 'misspelt/letters.js');
  await writeFile(letters, (await readFile(letters, 'utf8')).replace('const blankSymbol', 'constant blankSymbol'));
  // A person names the folder from where they are.
  await using pod = await start({}, { SLUICE_REPOSITORY: path.relative(process.cwd(), root) });
  await ready(pod);
  for (const name of ['langid', 'alone', 'script']) {
    const answer = await post(`${pod.origin}/v1/models/${name}:predict`, { instances: ['Bonjour tout le monde'] });
    assert.match(answer.text, /"label":"fra"/);
  }
  const invalid = Buffer.concat([Buffer.from([1, 0, 0, 0]), Buffer.from([0xff])]);
  const head = Buffer.from(
    JSON.stringify({ inputs: [{ name: 'text', datatype: 'BYTES', shape: [1], parameters: { binary_data_size: 5 } }] }),
  );
  for (const name of ['langid', 'alone']) {
    const refused = await post(`${pod.origin}/v2/models/${name}/infer`, Buffer.concat([head, invalid]), {
      'inference-header-content-length': String(head.length),
      'content-type': 'application/octet-stream',
    });
    assert.deepEqual([refused.status, refused.json], [400, { error: 'input "text": row 0 is not valid UTF-8' }]);
  }
  // A large text is converted beside the pod, which says so by its number of processes.
  const startsOf = async (): Promise<string | undefined> =>
    /sluice_pod_transform_starts_total\{[^}]*model="langid"[^}]*\} (\d+)/.exec(
      (await get(`${pod.origin}/metrics`)).text,
    )?.[1];
  assert.equal(await startsOf(), '1');
  for (const text of ['Bonjour tout le monde. '.repeat(100_000), 'Bonjour tout le monde.']) {
    const answer = await post(`${pod.origin}/v1/models/langid:predict`, { instances: [text] });
    assert.match(answer.text, /"label":"fra"/);
  }
  assert.equal(await startsOf(), '2');
  const broken = await post(`${pod.origin}/v1/models/misspelt:predict`, { instances: ['x'] });
  assert.equal(broken.status, 503);
  assert.match(broken.text, /SyntaxError: Unexpected identifier 'blankSymbol' \(letters\.js:\d+\)/);
  await rm(root, { recursive: true });
});
