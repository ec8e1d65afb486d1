import assert from 'node:assert/strict';
import { test } from 'node:test';
import { describeRunning, isExpected, runningJson, type Running } from './local-output.ts';

const running: Running = {
  host: '127.0.0.1',
  port: 8080,
  adminPort: 8081,
  scalerPort: 8082,
  gatewayPid: 1,
  scalerPid: 2,
  inputs: [{ name: 'x', datatype: 'FP32', shape: [-1, 2] }],
  models: [
    { name: 'bad', ready: false, note: 'not served: no such file' },
    { name: 'simple', ready: true, note: null },
  ],
  view: {
    pools: [],
    pods: [
      {
        uid: 'u',
        name: 'p-1',
        pool: 'p',
        phase: 'Ready',
        origin: 'http://127.0.0.1:9',
        restarts: 0,
        createdAtMs: 0,
        readyAtMs: 1,
        reason: null,
      },
    ],
  },
  pidOf: () => 77,
};

test('the summary lists addresses, pods and models, and a working example request', () => {
  const text = describeRunning(running);
  assert.match(text, /gateway {3}http:\/\/127\.0\.0\.1:8080$/m);
  assert.match(text, /page {6}http:\/\/127\.0\.0\.1:8082$/m);
  assert.match(text, /metrics {3}http:\/\/127\.0\.0\.1:8081\/metrics/m);
  assert.match(text, /pods {6}p-1 {2}http:\/\/127\.0\.0\.1:9 {2}pid 77$/m);
  assert.match(text, /bad {2}\(not served: no such file\)$/m);
  assert.match(
    text,
    /^ {2}curl -s http:\/\/127\.0\.0\.1:8080\/v2\/models\/simple\/infer .*"shape":\[1,2\],"data":\[0,0\]\}\]\}'\n$/m,
  );
});

test('wildcard addresses are shown as loopback addresses, IPv6 in brackets', () => {
  assert.match(describeRunning({ ...running, host: '0.0.0.0' }), /gateway {3}http:\/\/127\.0\.0\.1:8080$/m);
  assert.match(describeRunning({ ...running, host: '::1' }), /gateway {3}http:\/\/\[::1\]:8080$/m);
});

test('without a scaler the summary has no page', () => {
  assert.doesNotMatch(describeRunning({ ...running, scalerPort: null }), /^ {2}page/m);
});

test('the JSON summary is one line with the same content', () => {
  const { gateway, admin, scaler, pods } = JSON.parse(runningJson(running, 0)) as Record<string, unknown>;
  assert.deepEqual(
    [gateway, admin, scaler],
    ['http://127.0.0.1:8080', 'http://127.0.0.1:8081', 'http://127.0.0.1:8082'],
  );
  assert.deepEqual(pods, [{ name: 'p-1', pool: 'p', phase: 'Ready', origin: 'http://127.0.0.1:9', pid: 77 }]);
});

test('with any number of pods and models the start screen has at most 12 lines, and ends with the request', () => {
  const [pod] = running.view.pods;
  const many = {
    ...running,
    models: Array.from({ length: 60 }, (_, index) => ({
      name: `m${index}`,
      ready: true,
      note: index < 40 ? null : 'not batched:\nrows depend on one another',
    })),
    view: { pools: [], pods: Array.from({ length: 9 }, (_, index) => ({ ...pod!, name: `p-${index}` })) },
  };
  const lines = describeRunning(many).trimEnd().split('\n');
  assert.ok(lines.length <= 12, `${lines.length} lines`);
  assert.match(lines.at(-1)!, /^ {2}curl .*\/v2\/models\/m0\/infer /);
  assert.ok(lines.some((line) => /m0, m1, .*m7 and 32 more$/.test(line)));
  assert.ok(lines.some((line) => /and 8 more, which the page has$/.test(line)));
  assert.ok(lines.some((line) => /m40 {2}\(not batched: rows depend on one another\)$/.test(line)));
});

test('behind the start screen comes no line of a first default version, and each later one', () => {
  const line = (fields: object): string =>
    JSON.stringify({ level: 30, msg: 'the default version of a model is set', model: 'm', hash: 'a1', ...fields });
  assert.ok(isExpected(line({ generation: 1 })));
  assert.ok(!isExpected(line({ generation: 2, was: '1' })));
  assert.ok(!isExpected(line({ generation: 1, level: 40 })));
  assert.ok(!isExpected('generation 1'));
});

test('the lines of the start screen above the request fit 80 columns', () => {
  const lines = describeRunning(running).trimEnd().split('\n').slice(0, -1);
  assert.deepEqual(
    lines.filter((line) => line.length > 80),
    [],
  );
});
