import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readBodies } from './body-file.ts';

const texts = (file: string, content: string) =>
  readBodies(file, Buffer.from(content)).bodies.map((body) => body.toString());

test('a body, an array of bodies, lines of bodies, bytes', () => {
  assert.deepEqual(texts('a.json', '{"a": 1}'), ['{"a": 1}']);
  assert.deepEqual(texts('a.json', '[{"a": 1}, {"b": 2}]'), ['{"a":1}', '{"b":2}']);
  assert.deepEqual(texts('a.jsonl', '{"a": 1}\n\n{"b": 2}\n'), ['{"a": 1}', '{"b": 2}']);
  assert.equal(readBodies('a.bin', Buffer.from('x')).contentType, 'application/octet-stream');
});

for (const [file, content, message] of [
  ['a.json', '{', 'a.json: is not JSON: "{"'],
  ['a.jsonl', '{}\n{', 'a.jsonl, line 2: is not JSON: "{"'],
  ['a.json', '[]', 'a.json: is an empty array of bodies'],
  ['a.jsonl', '\n', 'a.jsonl: has no body'],
  ['a.bin', '', 'a.bin: is empty'],
] as const) {
  test(message, () => assert.throws(() => readBodies(file, Buffer.from(content)), new Error(message)));
}
