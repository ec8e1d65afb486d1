/** Digests of files: the same content, the same digest; an unchanged file is not read again, a changed one always is. */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileDigest } from './file-digest.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'sluice-digest-'));
after(() => rmSync(folder, { recursive: true }));

const bytes = 9 * 1024 * 1024;
let files = 0;

function fileOf(fill: string): string {
  const file = path.join(folder, String((files += 1)));
  writeFileSync(file, Buffer.alloc(bytes, fill));
  return file;
}

/** Lets all files be written long ago. */
function later(t: TestContext): void {
  t.mock.timers.enable({ apis: ['Date'], now: Date.now() + 60_000 });
}

const bytesRead = (): number => Number(/^rchar: (\d+)$/m.exec(readFileSync('/proc/self/io', 'utf8'))![1]);

test('files of the same content have the same digest', async () => {
  const [one, other] = [fileOf('a'), fileOf('b')];
  assert.equal(await fileDigest(one), await fileDigest(fileOf('a')));
  assert.notEqual(await fileDigest(one), await fileDigest(other));
});

test(
  'a file that has not changed is read once',
  { skip: process.platform !== 'linux' && 'there is no /proc' },
  async (t) => {
    const file = fileOf('a');
    later(t);
    const before = bytesRead();
    const digest = await fileDigest(file);
    const between = bytesRead();
    assert.ok(between - before >= bytes);
    assert.equal(await fileDigest(file), digest);
    assert.ok(bytesRead() - between < bytes);
  },
);

test('content of the same length is seen, written over or renamed into place, at once or after a while', async (t) => {
  for (const isLater of [false, true]) {
    if (isLater) later(t);
    const file = fileOf('a');
    const first = await fileDigest(file);
    // Longer than the steps of any kernel's clock for files, on which a digest that is kept relies.
    if (isLater) await sleep(50);
    writeFileSync(file, Buffer.alloc(bytes, 'b'));
    const second = await fileDigest(file);
    if (isLater) await sleep(50);
    renameSync(fileOf('c'), file);
    const third = await fileDigest(file);
    assert.equal(new Set([first, second, third]).size, 3);
  }
});
