import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { test } from 'node:test';
import { jobOf, knownFiles, nextJob, runAll, type Job, type Room, type Use } from './schedule.ts';

const room: Room = { works: 2, waits: 2, all: 3 };
const job = (name: string, use: Use, seconds = 10): Job => ({ name, use, seconds });

test('each file that has a time is there', () => {
  assert.deepEqual(
    knownFiles.filter((file) => !existsSync(file)),
    [],
  );
});

test('the first job that has room beside those that run is next', () => {
  const [one, other, waits, more] = [job('1', 'works'), job('2', 'works'), job('3', 'waits'), job('4', 'waits')];
  assert.equal(nextJob([one, waits], [], room), one);
  assert.equal(nextJob([job('5', 'works'), waits], [one, other], room), waits);
  assert.equal(nextJob([job('5', 'works')], [one, other], room), undefined);
  assert.equal(nextJob([job('5', 'waits')], [waits, more], room), undefined);
  assert.equal(nextJob([more], [one, other, waits], room), undefined, 'three are all');
});

test('what has to be alone waits for all others, and they for it', () => {
  const [alone, one, other] = [job('1', 'alone', 99), job('2', 'works'), job('3', 'works')];
  assert.equal(nextJob([alone, one], [], room), one);
  assert.equal(nextJob([alone], [other], room), undefined);
  assert.equal(nextJob([alone], [], room), alone);
  assert.equal(nextJob([one], [alone], room), undefined);
});

test('all jobs run, the longest first, and never more of a use than there is room for', async () => {
  const uses = ['works', 'waits'] as const;
  const jobs = Array.from({ length: 60 }, (_, index) => job(`${index}`, uses[(index * 7) % 2]!, (index * 13) % 17));
  const ran: string[] = [];
  const running: Job[] = [];
  await runAll(jobs, room, async (one) => {
    running.push(one);
    ran.push(one.name);
    assert.ok(running.length <= room.all);
    for (const use of uses) assert.ok(running.filter((other) => other.use === use).length <= room[use], use);
    for (let turns = one.seconds; turns >= 0; turns -= 1) await Promise.resolve();
    running.splice(running.indexOf(one), 1);
  });
  assert.deepEqual(ran.toSorted(), jobs.map(({ name }) => name).toSorted());
  for (const use of uses) {
    const order = ran.map((name) => jobs.find((one) => one.name === name)!).filter((one) => one.use === use);
    assert.deepEqual(
      order.map(({ seconds }) => seconds),
      order.map(({ seconds }) => seconds).toSorted((one, other) => other - one),
    );
  }
});

test('a job that fails ends the run with its error', async () => {
  await assert.rejects(
    runAll([job('1', 'works'), job('2', 'works')], room, () => Promise.reject(new Error('broken'))),
    /broken/,
  );
});

test('a file without a time is short, and works', () => {
  assert.deepEqual(jobOf('test/e2e/new.test.ts'), { name: 'test/e2e/new.test.ts', seconds: 10, use: 'works' });
});
