import assert from 'node:assert/strict';
import test from 'node:test';
import { readConfigPbtxt } from '../triton/config-pbtxt.ts';
import { translate } from '../triton/translate.ts';
import { servedConfig, type ServedConfig } from './served-config.ts';

function served(pbtxt: string, configText: string | null = null): ServedConfig {
  const { config, unobeyed } = readConfigPbtxt(pbtxt);
  const triton = { text: pbtxt, config: translate(config, unobeyed, 'm'), labels: new Map(), problem: null };
  return servedConfig({ configText, triton });
}

test('config.yaml wins, field by field', () => {
  const pbtxt = `max_batch_size: 16
    parameters { key: "execution_mode" value { string_value: "1" } }
    parameters { key: "session.set_denormal_as_zero" value { string_value: "1" } }
    parameters { key: "session.intra_op.allow_spinning" value { string_value: "1" } }
    optimization { graph { level: 1 } }`;
  const yaml = `maxRows: 4
runtime: { graphOptimization: basic, sessionConfig: { session.intra_op.allow_spinning: '0' } }`;
  assert.deepEqual(served(pbtxt, yaml), {
    versionPolicy: { latest: 1 },
    maxRows: 4,
    maxRequestRows: 16,
    runtime: {
      executionMode: 'parallel',
      graphOptimization: 'basic',
      sessionConfig: { 'session.set_denormal_as_zero': '1', 'session.intra_op.allow_spinning': '0' },
    },
  });
});

test('max_batch_size 0 is obeyed in its own words, unless config.yaml says otherwise', () => {
  const { batching, neverBatched } = served('max_batch_size: 0');
  assert.deepEqual([batching, neverBatched], ['never', 'config.pbtxt says max_batch_size: 0']);
  const overruled = served('max_batch_size: 0', 'batching: proven');
  assert.deepEqual([overruled.batching, overruled.neverBatched], ['proven', undefined]);
});

test('without an axis of rows nothing shares a run, whoever asks for it', () => {
  const pbtxt = 'input { name: "x" dims: [ 3 ] reshape { shape: [ 1, 3 ] } }';
  const reason = "config.pbtxt reshapes 'x' and has no max_batch_size from 1";
  for (const yaml of [null, 'batching: proven']) {
    const { batching, neverBatched } = served(pbtxt, yaml);
    assert.deepEqual([batching, neverBatched], ['never', reason]);
  }
  assert.throws(() => served(pbtxt, 'batching: always'), {
    message: `config.yaml: /batching: must not be "always": ${reason}`,
  });
});

test('a config.pbtxt that can not be used keeps the model from being served', () => {
  const triton = { text: '', config: null, labels: new Map(), problem: 'config.pbtxt: line 1, column 1: no' };
  assert.throws(() => servedConfig({ configText: null, triton }), { message: triton.problem });
});
