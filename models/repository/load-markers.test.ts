/** Markers of loads: what the next process of a pod learns of the one before. */
import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { LoadMarkers } from './load-markers.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'sluice-markers-'));
after(() => rmSync(folder, { recursive: true }));

const open = (podName: string, wasKilled = false): LoadMarkers =>
  new LoadMarkers({ folder, podName, wasKilled, log: { info: () => assert.fail('the folder can be written') } });
const version = (name: string) => ({ name, version: '2', hash: name.repeat(64) });
const suspects = (markers: LoadMarkers): string[] => markers.suspects.map(({ name }) => name);

/** Changes what the process before has left. */
function rewrite(podName: string, change: object): void {
  const inside = path.join(folder, 'loads', podName);
  for (const name of readdirSync(inside)) {
    const file = path.join(inside, name);
    writeFileSync(file, JSON.stringify({ ...(JSON.parse(readFileSync(file, 'utf8')) as object), ...change }));
  }
}

test('a load that did not end is known to the next process of the pod, and to no other pod', () => {
  const first = open('one');
  assert.equal(first.isWary, false);
  first.begin(version('a'));
  first.begin(version('b'))();
  const second = open('one');
  assert.deepEqual([suspects(second), second.isWary], [['a'], true]);
  assert.deepEqual(suspects(open('two')), []);
  rewrite('one', { startedMs: 1 });
  second.begin(version('c'));
  assert.deepEqual(suspects(open('one')).toSorted(), ['a', 'c'], 'a suspect stays one');
  open('one').begin(version('a'))();
  assert.deepEqual(suspects(open('one')), ['c'], 'a load that ends clears it');
});

test('a process that was killed did not end by its load, unless that happens again and again', () => {
  for (const expected of [[], [], ['c']]) {
    open('killed', true).begin(version('c'));
    assert.deepEqual(suspects(open('killed', true)), expected);
  }
});

test('of loads side by side none is suspected, nor under another supervisor, nor while the other process runs', () => {
  const beside = open('beside');
  beside.begin(version('a'));
  beside.begin(version('b'));
  assert.deepEqual([suspects(open('beside')), open('beside').isWary], [[], true]);
  open('supervised').begin(version('a'));
  rewrite('supervised', { parent: process.ppid + 1 });
  assert.deepEqual(suspects(open('supervised')), []);
  open('runs').begin(version('a'));
  rewrite('runs', { pid: process.ppid });
  assert.equal(open('runs').isWary, false);
});

test('a process that ends in order leaves no marker', () => {
  const markers = open('ordered');
  markers.begin(version('a'));
  markers.close();
  assert.equal(open('ordered').isWary, false);
});

test('a marker that was not written whole is none, and a folder that cannot be written costs a line of the log', () => {
  open('torn').begin(version('a'));
  writeFileSync(path.join(folder, 'loads', 'torn', 'torn.json'), '{"name":');
  assert.deepEqual(suspects(open('torn')), ['a']);
  const lines: string[] = [];
  writeFileSync(path.join(folder, 'file'), '');
  const markers = new LoadMarkers({
    folder: path.join(folder, 'file'),
    podName: 'p',
    wasKilled: false,
    log: { info: (_details, message) => lines.push(message) },
  });
  markers.begin(version('d'));
  assert.deepEqual(lines, ['loads of models are not marked']);
  assert.deepEqual(suspects(markers), []);
});
