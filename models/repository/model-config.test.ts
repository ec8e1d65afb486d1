import assert from 'node:assert/strict';
import test from 'node:test';
import { parseModelConfig } from './model-config.ts';

test('without a file, or with an empty one, nothing is overridden', () => {
  assert.deepEqual(parseModelConfig(null), {});
  assert.deepEqual(parseModelConfig('# nothing yet\n'), {});
});

test('every field is read', () => {
  const text = `
maxRows: 8
maxRequestRows: 16
threads: 2
warmup: false
defaultVersion: 3
delay: { runMs: 5, rowMs: 0.5 }
inputs: { state: { batchAxis: 1 }, sr: { batchAxis: null } }
outputs: { y: { batchAxis: 0 } }
`;
  assert.deepEqual(parseModelConfig(text), {
    maxRows: 8,
    maxRequestRows: 16,
    threads: 2,
    warmup: false,
    defaultVersion: 3,
    delay: { runMs: 5, rowMs: 0.5 },
    inputs: { state: { batchAxis: 1 }, sr: { batchAxis: null } },
    outputs: { y: { batchAxis: 0 } },
  });
});

test('all errors are told at once, each with its path and the value', () => {
  const text = 'maxRows: 0\nthreads: many\nmaxrows: 3\ninputs: { x: { batchAxis: -1, axis: 2 } }\n';
  assert.throws(
    () => parseModelConfig(text),
    (error: Error) => {
      assert.match(error.message, /\/maxRows: must be >= 1, was: 0/);
      assert.match(error.message, /\/threads: must be integer, was: "many"/);
      assert.match(error.message, /line 3: \/maxrows: is not a field of config.yaml; did you mean maxRows\?/);
      assert.match(error.message, /\/inputs\/x\/batchAxis: .*was: -1/);
      assert.match(error.message, /\/inputs\/x\/axis: is not a field/);
      return true;
    },
  );
});

test('what is not YAML, or no mapping, is told with its place', () => {
  assert.throws(() => parseModelConfig('maxRows: [1'), /config\.yaml: line 1: /);
  assert.throws(() => parseModelConfig('- 1'), /config\.yaml: line 1: \/: must be object, was: \[1\]/);
});
