import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hindrances, releasedChangelog, withVersion } from './version.ts';

test('the version changes where it is that of Sluice, and nowhere else', () => {
  const text =
    'localhost/sluice:0.1.0 up\nnewTag: 0.1.0 }\nARG VERSION=0.1.0\nsluice-0.1.0.tgz\n"mri": "0.1.0", sluice:0.1.01, sluice:0.1.0-rc\n';
  assert.equal(
    withVersion(text, '0.1.0', '0.2.0'),
    'localhost/sluice:0.2.0 up\nnewTag: 0.2.0 }\nARG VERSION=0.2.0\nsluice-0.2.0.tgz\n"mri": "0.1.0", sluice:0.1.01, sluice:0.1.0-rc\n',
  );
});

const log = '# Changes\n\n## Unreleased\n\n- One.\n\n## 0.1.0 (2026-11-29)\n\n- Older.\n';

test('what was unreleased gets the version and the day', () => {
  assert.equal(
    releasedChangelog(log, '0.2.0', '2026-12-01'),
    '# Changes\n\n## Unreleased\n\n## 0.2.0 (2026-12-01)\n\n- One.\n\n## 0.1.0 (2026-11-29)\n\n- Older.\n',
  );
  assert.throws(() => releasedChangelog(log, '0.1.0', '2026-12-01'), /0\.1\.0 is there already/);
  const released = releasedChangelog(log, '0.2.0', '2026-12-01');
  assert.throws(() => releasedChangelog(released, '0.3.0', '2026-12-02'), /nothing under Unreleased/);
  assert.deepEqual(hindrances({ changelog: released, version: '0.2.0', isClean: true }), []);
});

test('a commit with changes, unreleased lines or no section is no release', () => {
  const found = hindrances({ changelog: log, version: '0.2.0', isClean: false });
  assert.equal(found.length, 3);
  assert.match(found.join('\n'), /no commit has\n.*Unreleased.*\n.*no section for 0\.2\.0/);
});
