import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import Type from 'typebox';
import { flagName, readSettings, SettingsError, variableName } from './settings.ts';

const schema = Type.Object({
  port: Type.Integer({ minimum: 0, maximum: 65535, default: 8080, description: 'port' }),
  runLimitMs: Type.Integer({ minimum: 1, default: 60_000, description: 'limit' }),
  ratio: Type.Number({ default: 0.5, description: 'ratio' }),
  verbose: Type.Boolean({ default: false, description: 'verbose' }),
  logLevel: Type.Enum(['info', 'debug'], { default: 'info', description: 'level' }),
  pools: Type.Optional(Type.String({ description: 'file' })),
});
const withRequired = Type.Object({ repository: Type.String({ minLength: 1, description: 'folder' }) });

const errorsOf = (read: () => unknown): readonly string[] => {
  try {
    read();
  } catch (error) {
    assert.ok(error instanceof SettingsError);
    assert.equal(error.message, error.errors.join('\n'));
    return error.errors;
  }
  assert.fail('the settings were accepted');
};

test('flag and variable names derive from the property', () => {
  assert.equal(flagName('runLimitMs'), '--run-limit-ms');
  assert.equal(variableName('runLimitMs'), 'SLUICE_RUN_LIMIT_MS');
  assert.equal(flagName('port'), '--port');
  assert.equal(variableName('port'), 'SLUICE_PORT');
});

test('defaults apply to settings that are not given; optional settings stay absent', () => {
  assert.deepEqual(readSettings(schema, {}), {
    port: 8080,
    runLimitMs: 60_000,
    ratio: 0.5,
    verbose: false,
    logLevel: 'info',
  });
});

test('precedence: flag over variable over default', () => {
  const env = { SLUICE_PORT: '1', SLUICE_RUN_LIMIT_MS: '2', PORT: '3' };
  const { port, runLimitMs, ratio } = readSettings(schema, env, { port: '4' });
  assert.deepEqual({ port, runLimitMs, ratio }, { port: 4, runLimitMs: 2, ratio: 0.5 });
});

test('values are parsed by the type of their property; digits for a string property stay a string', () => {
  const env = { SLUICE_RATIO: '-0.25', SLUICE_VERBOSE: 'true', SLUICE_POOLS: '5', SLUICE_LOG_LEVEL: 'debug' };
  const { ratio, verbose, pools, logLevel } = readSettings(schema, env);
  assert.deepEqual({ ratio, verbose, pools, logLevel }, { ratio: -0.25, verbose: true, pools: '5', logLevel: 'debug' });
});

test('settings are frozen', () => {
  assert.ok(Object.isFrozen(readSettings(schema, {})));
});

test('all errors are reported at once, each with flag, variable, valid values and the rejected value', () => {
  const env = { SLUICE_PORT: '99999', SLUICE_LOG_LEVEL: 'loud', SLUICE_VERBOSE: 'yes' };
  assert.deepEqual(
    errorsOf(() => readSettings(schema, env, { runLimitMs: '0' })),
    [
      '--port (SLUICE_PORT): must be a whole number from 0 to 65535, was: "99999"',
      '--run-limit-ms (SLUICE_RUN_LIMIT_MS): must be a whole number of at least 1, was: "0"',
      '--verbose (SLUICE_VERBOSE): must be true or false, was: "yes"',
      '--log-level (SLUICE_LOG_LEVEL): must be one of info, debug, was: "loud"',
    ],
  );
});

test('only plain decimal digits are accepted as an integer', () => {
  for (const value of ['', ' ', '12.5', '1e3', '0x10', 'true', ' 12', '12ms', '--1', 'NaN', 'Infinity']) {
    assert.deepEqual(
      errorsOf(() => readSettings(schema, { SLUICE_PORT: value })),
      [`--port (SLUICE_PORT): must be a whole number from 0 to 65535, was: ${JSON.stringify(value)}`],
    );
  }
});

test('a missing required setting is reported by name', () => {
  assert.deepEqual(
    errorsOf(() => readSettings(withRequired, {})),
    ['--repository (SLUICE_REPOSITORY): is required'],
  );
});

test('any input yields valid settings or a SettingsError', () => {
  const values = fc.dictionary(fc.constantFrom(...Object.keys(schema.properties)), fc.string());
  fc.assert(
    fc.property(values, values, (variables, flags) => {
      const env = Object.fromEntries(Object.entries(variables).map(([name, value]) => [variableName(name), value]));
      try {
        const { port } = readSettings(schema, env, flags);
        assert.ok(Number.isInteger(port) && port >= 0 && port <= 65535);
      } catch (error) {
        if (!(error instanceof SettingsError)) throw error;
        assert.ok(error.errors.length > 0);
      }
    }),
  );
});

test('a secret comes from the environment alone, and no message quotes it', () => {
  const secret = Type.Object({
    secret: Type.Optional(Type.String({ minLength: 16, writeOnly: true, description: 'secret' })),
  });
  assert.deepEqual(readSettings(secret, { SLUICE_SECRET: 'x'.repeat(16) }, { secret: 'y'.repeat(16) }), {
    secret: 'x'.repeat(16),
  });
  assert.deepEqual(readSettings(secret, {}, { secret: 'y'.repeat(16) }), {});
  const [error] = errorsOf(() => readSettings(secret, { SLUICE_SECRET: 'hunter2' }));
  assert.match(error!, /^SLUICE_SECRET: must not have fewer than 16 characters$/);
});
