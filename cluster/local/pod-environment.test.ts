import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseModelPool } from '../../contract/model-pool.ts';
import { readSettings } from '../../contract/settings.ts';
import { ModelServerSettings } from '../../models/settings.ts';
import { podEnvironment } from './pod-environment.ts';

function settingsOf(spec: object, env: Record<string, string> = {}, modelsAreRequired?: boolean) {
  const { pool } = parseModelPool({
    apiVersion: 'sluice.dev/v1alpha1',
    kind: 'ModelPool',
    metadata: { name: 'p' },
    spec: { models: ['a', 'b'], ...spec },
  });
  const required = modelsAreRequired === undefined ? {} : { modelsAreRequired };
  const defaults = { repository: '/models', logLevel: 'warn', graceMs: 30_000, env, ...required } as const;
  return readSettings(ModelServerSettings, podEnvironment(defaults, pool!, { name: 'p-1', uid: 'u', lastExit: null }));
}

test('a pod gets the settings of its pool', () => {
  const settings = settingsOf({
    batching: { maxRows: 16, maxRequestRows: 100 },
    requests: { maxBodyBytes: 1000 },
  });
  const { repository, models, podUid, podName, maxRows, maxRequestRows, maxBodyBytes, logLevel, port } = settings;
  assert.deepEqual(
    { repository, models, podUid, podName, maxRows, maxRequestRows, maxBodyBytes, logLevel, port },
    {
      repository: '/models',
      models: 'a,b',
      podUid: 'u',
      podName: 'p-1',
      maxRows: 16,
      maxRequestRows: 100,
      maxBodyBytes: 1000,
      logLevel: 'warn',
      port: 0,
    },
  );
  assert.ok(settings.graceMs < 30_000, 'a pod ends by itself before it is killed');
});

test('without batching a pod runs one row at a time', () => {
  assert.equal(settingsOf({ batching: { enabled: false, maxRows: 16 } }).maxRows, 1);
});

test('settings that the pool does not set are inherited; its own and the address are not', () => {
  const settings = settingsOf({}, { SLUICE_RUN_LIMIT_MS: '77', SLUICE_PORT: '80', SLUICE_HOST: '0.0.0.0' });
  assert.equal(settings.runLimitMs, 77);
  assert.equal(settings.port, 0);
  assert.equal(settings.host, '127.0.0.1');
});

test('models that someone named are required, those that were merely found are not', () => {
  assert.equal(settingsOf({}).requiredModels, undefined);
  assert.equal(settingsOf({}, {}, false).requiredModels, 'none');
});
