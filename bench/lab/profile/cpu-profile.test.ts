import assert from 'node:assert/strict';
import { test } from 'node:test';
import { areaOf, summarize } from './cpu-profile.ts';

const frame = (functionName: string, lineNumber: number) => ({ functionName, url: 'file:///a/b/c/d.ts', lineNumber });
const profile = {
  nodes: [
    { id: 1, callFrame: { functionName: '(root)', url: '', lineNumber: -1 }, children: [2, 5] },
    { id: 2, callFrame: frame('outer', 0), children: [3] },
    { id: 3, callFrame: frame('inner', 9), children: [4] },
    { id: 4, callFrame: frame('outer', 0) },
    { id: 5, callFrame: { functionName: '(idle)', url: '', lineNumber: -1 } },
  ],
  startTime: 1000,
  //        at 1010, 1020, 1030, 1040, 1060, 1100
  samples: [2, 3, 4, 5, 3, 2],
  timeDeltas: [10, 10, 10, 10, 20, 40],
};

test('self and total time by function, recursion counted once, idle time apart', () => {
  const { functions, busyUs, idleUs } = summarize(profile, { fromUs: 0, toUs: Infinity });
  assert.equal(busyUs, 70);
  assert.equal(idleUs, 20);
  assert.deepEqual(functions, [
    { name: 'inner b/c/d.ts:10', selfUs: 50, totalUs: 60 },
    { name: 'outer b/c/d.ts:1', selfUs: 20, totalUs: 70 },
    { name: '(root)', selfUs: 0, totalUs: 70 },
  ]);
});

test('samples outside of the window do not count', () => {
  const { busyUs, idleUs } = summarize(profile, { fromUs: 1030, toUs: 1050 });
  assert.deepEqual([busyUs, idleUs], [10, 20]);
});

test('the area of a function is a package, a room, or a part of Node', () => {
  const area = (functionName: string, url = '') => areaOf({ functionName, url, lineNumber: 0 });
  assert.equal(area('writeLatin1String'), 'writes to sockets');
  assert.equal(area('writev'), 'writes to sockets');
  assert.equal(area('indexOf'), 'built-in functions');
  assert.equal(area('(garbage collector)'), 'garbage collection');
  assert.equal(area('emit', 'node:events'), 'JavaScript of Node: HTTP, streams, timers');
  assert.equal(area('find', '/a/sluice/node_modules/find-my-way/index.js'), 'find-my-way');
  assert.equal(area('run', 'file:///a/node_modules/@x/y/lib/z.js'), '@x/y');
  assert.equal(area('turn', 'file:///a/gateway/policy/batch.ts'), 'gateway/');
  assert.equal(area('frame', 'file:///models/sluice/contract/envelope.ts'), 'contract/');
});

test('self time by area', () => {
  const { areas } = summarize(profile, { fromUs: 0, toUs: Infinity });
  assert.deepEqual(areas, [{ name: 'file:///a/b/c/d.ts', selfUs: 70 }]);
});
