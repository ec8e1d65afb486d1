import assert from 'node:assert/strict';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { stripVTControlCharacters } from 'node:util';
import { LogRing } from '../../cluster/local/pod-log.ts';
import { podReport, poolReport } from '../../scaler/page/testing/fake-scaler.ts';
import { buildProgram } from '../program.ts';
import { safeLine } from './safe-line.ts';

describe('lines on a terminal', () => {
  for (const [what, line] of [
    ['text', '\u001b[2Jcleared\u0007\rover\u009b31m'],
    ['JSON', JSON.stringify({ level: 30, msg: 'a\u001b[2Jb\nforged', '\u001bkey': ['\u0008'], deep: { x: '\u009b' } })],
    ['escaped backslashes', String.raw`{"level":30,"msg":"\\u001b \u001b"}`],
  ] as const) {
    test(`${what}: nothing is left that moves the cursor`, () => {
      const safe = safeLine(line);
      // eslint-disable-next-line no-control-regex
      const isSafe = (text: unknown): void => assert.doesNotMatch(String(text), /[\u0000-\u001f\u007f-\u009f]/);
      isSafe(safe);
      if (!line.startsWith('{')) return;
      JSON.parse(safe, (key, value: unknown) => {
        isSafe(key);
        if (typeof value === 'string') isSafe(value);
        return value;
      });
    });
  }

  test('what is harmless stays: tabs, letters of any script, numbers, lines of a stack', () => {
    for (const line of ['a\tß 模型 🙂', '{"level":30,"n":1.5,"ok":null,"err":{"stack":"E: x\\n    at y"}}']) {
      assert.equal(safeLine(line), line);
    }
  });
});

describe('pods of sluice up', () => {
  const rings = new Map(['a-1', 'a-2', 'b-1'].map((name) => [name, new LogRing()]));
  let server: Server;
  let url: string;
  let asked = 0;
  before(async () => {
    for (const [name, ring] of rings) {
      ring.begin();
      for (const text of ['one', 'two', 'three']) ring.add(`${name} ${text}`, 5);
    }
    rings.get('a-1')!.begin();
    rings.get('a-1')!.add('again', 6);
    server = createServer((request, response) => {
      const { pathname, searchParams } = new URL(request.url!, url);
      const pod = /^\/api\/pods\/([^/]+)\/log$/.exec(pathname)?.[1];
      if (pod === undefined) return response.end(JSON.stringify(report));
      asked += 1;
      const from = searchParams.get('from');
      if (from !== null && asked < 4) rings.get(pod)!.add(`later ${asked}`, 7);
      const query = { from: from === null ? null : Number(from), previous: searchParams.has('previous') };
      const read = asked >= 5 && from !== null ? null : rings.get(pod)!.read(query);
      response.statusCode = read === null ? 404 : 200;
      return response.end(JSON.stringify(read === null ? { detail: 'there are no lines' } : { pod, ...read }));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  after(() => {
    server.closeAllConnections();
    server.close();
  });
  const pods = (...names: string[]) => ({ pods: names.map((name) => podReport(name)) });
  const report = {
    atMs: 0,
    leading: true,
    leader: null,
    gateways: [],
    pools: [poolReport('a', pods('a-1', 'a-2')), poolReport('b', pods('b-1'))],
  };
  async function run(...args: readonly string[]): Promise<string[]> {
    let printed = '';
    const program = buildProgram({ env: {}, print: (text) => (printed += `${text}\n`) });
    await program.parseAsync(['logs', ...args, '--url', url], { from: 'user' });
    return stripVTControlCharacters(printed).trimEnd().split('\n');
  }

  test('the lines of a pod, its last ones, those before its restart, and those of a pool', async () => {
    assert.deepEqual(await run('a-2', '--tail', '2'), ['a-2 | a-2 two', 'a-2 | a-2 three']);
    assert.deepEqual(await run('a-1'), ['a-1 | again']);
    assert.deepEqual(await run('a-1', '--previous', '--tail', '1'), ['a-1 | a-1 three']);
    const both = await run('pool/a');
    assert.deepEqual(both.toSorted(), ['a-1 | again', 'a-2 | a-2 one', 'a-2 | a-2 three', 'a-2 | a-2 two']);
    const [line] = await run('b-1', '--json', '--tail', '1');
    assert.deepEqual(JSON.parse(line!), { source: 'b-1', level: 30, time: 5, msg: 'b-1 three' });
  });

  test('--follow goes on with each new line once, until the pod is gone', async () => {
    asked = 0;
    assert.deepEqual(await run('b-1', '--follow', '--tail', '0'), ['b-1 | later 2', 'b-1 | later 3']);
  });

  test('a name that is none is answered with those that there are', async () => {
    await assert.rejects(run('a-3'), /there is no pod "a-3"; pods: a-1, a-2, b-1; did you mean a-1\?/);
    await assert.rejects(run('pool/c'), /there is no pool "c"; pools: a, b/);
    await assert.rejects(run('b-1', '--previous'), /there are no lines/);
  });
});
