import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test, type TestContext } from 'node:test';
import { SettingsError } from '../../contract/settings.ts';
import { checkSecret, openSecret } from './secret-source.ts';

const first = 'first-secret-of-this-test';
const second = 'second-secret-of-this-test';

function fileOf(t: TestContext, text: string): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'sluice-secret-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const file = path.join(folder, 'secret');
  writeFileSync(file, text);
  return file;
}

function logOf() {
  const lines: string[] = [];
  const log = {
    info: (message: string) => void lines.push(message),
    warn: (details: object, message: string) => void lines.push(`${message} ${JSON.stringify(details)}`),
  };
  return { lines, log };
}

const open = (settings: { secret?: string; secretFile?: string; acceptPeersWithoutSecret?: boolean }) => {
  const { lines, log } = logOf();
  return { lines, ...openSecret({ acceptPeersWithoutSecret: false, ...settings }, log) };
};

test('it comes from a file or from the environment, of which child processes get no copy', (t) => {
  process.env['SLUICE_SECRET'] = first;
  const fromEnvironment = open({ secret: first });
  assert.equal(fromEnvironment.secret.authorization, `Bearer ${first}`);
  assert.equal(process.env['SLUICE_SECRET'], undefined);
  const fromFile = open({ secretFile: fileOf(t, `${first}\n${second}\n`) });
  assert.equal(fromFile.secret.authorization, `Bearer ${first}`);
  assert.ok(fromFile.secret.matches(`Bearer ${second}`));
  assert.deepEqual([fromEnvironment.lines, fromFile.lines], [[], []]);
});

test('none is a warning, and so is accepting peers without it', () => {
  const none = open({});
  assert.equal(none.secret.authorization, null);
  assert.equal(none.acceptsPeersWithoutSecret, false);
  assert.match(none.lines.join(), /^there is no shared secret: .*--secret-file \(SLUICE_SECRET_FILE\)/);
  const accepting = open({ secret: first, acceptPeersWithoutSecret: true });
  assert.equal(accepting.acceptsPeersWithoutSecret, true);
  assert.match(
    accepting.lines.join(),
    /^control and envelope routes accept requests without .*--accept-peers-without-secret/,
  );
});

test('a secret that cannot be used names its setting, and is not quoted', (t) => {
  const refused = (settings: { secret?: string; secretFile?: string }): string => {
    for (const read of [() => open(settings), () => checkSecret(settings)]) assert.throws(read, SettingsError);
    try {
      checkSecret(settings);
    } catch (error) {
      return (error as Error).message;
    }
    return '';
  };
  assert.equal(refused({ secret: 'hunter2' }), 'SLUICE_SECRET: must have 16 to 256 characters, has 7');
  assert.equal(
    refused({ secretFile: fileOf(t, 'hunter2\n') }),
    '--secret-file (SLUICE_SECRET_FILE): must have 16 to 256 characters, has 7',
  );
  assert.match(refused({ secretFile: '/nowhere/at/all' }), /^--secret-file .*cannot read \/nowhere\/at\/all: ENOENT/);
  assert.match(
    refused({ secret: first, secretFile: fileOf(t, first) }),
    /^--secret-file .*cannot be combined with SLUICE_SECRET/,
  );
});

test('a changed file is followed, and one that cannot be used leaves the last secret', async (t) => {
  t.mock.timers.enable({ apis: ['setInterval'] });
  const file = fileOf(t, first);
  const { secret, lines } = open({ secretFile: file });
  const look = async (until: () => boolean): Promise<void> => {
    t.mock.timers.tick(5_000);
    while (!until()) await new Promise(setImmediate);
  };
  writeFileSync(file, `${second}\n${first}\n`);
  await look(() => lines.length === 1);
  assert.equal(secret.authorization, `Bearer ${second}`);
  assert.ok(secret.matches(`Bearer ${first}`));
  writeFileSync(file, 'hunter2');
  await look(() => lines.length === 2);
  rmSync(file);
  await look(() => lines.length === 3);
  assert.equal(secret.authorization, `Bearer ${second}`);
  writeFileSync(file, first);
  await look(() => lines.length === 4);
  assert.equal(secret.authorization, `Bearer ${first}`);
  assert.equal(secret.matches(`Bearer ${second}`), false);
  assert.deepEqual(
    lines.map((line) => /has changed|cannot be used/.exec(line)?.[0]),
    ['has changed', 'cannot be used', 'cannot be used', 'has changed'],
  );
  assert.doesNotMatch(lines.join(), /hunter2|secret-of-this-test/);
});
