import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import protobuf from 'protobufjs';
import textformat from 'protobufjs/ext/textformat.js';
import { parseTextFormat, type TextField, type TextValue } from './text-format.ts';

const { root } = protobuf.parse(`
  syntax = "proto3";
  enum Kind { NONE = 0; SOME = 1; MANY = 2; }
  message Node {
    string name = 1;
    int64 number = 2;
    repeated int32 dims = 3;
    bool flag = 4;
    Kind kind = 5;
    repeated Node child = 6;
    double share = 7;
    repeated string words = 8;
  }`);
const Node = root.lookupType('Node');

interface Plain {
  name: string;
  number: number;
  dims: number[];
  flag: boolean;
  kind: number;
  child: Plain[];
  share: number;
  words: string[];
}

const text = fc.string({
  unit: fc.oneof(fc.constantFrom('"', "'", '\\', '\n', '\t', '\0', 'ä', '😀', '7'), fc.string()),
});
const { node } = fc.letrec<{ node: Plain }>((tie) => ({
  node: fc.record({
    name: text,
    number: fc.maxSafeInteger(),
    dims: fc.array(fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }), { maxLength: 3 }),
    flag: fc.boolean(),
    kind: fc.constantFrom(0, 1, 2),
    child: fc.oneof({ maxDepth: 2 }, fc.constant<Plain[]>([]), fc.array(tie('node'), { maxLength: 2 })),
    share: fc.double({ noNaN: true, noDefaultInfinity: true }),
    words: fc.array(text, { maxLength: 2 }),
  }),
}));

/** The message that fields describe, by the rules of protocol buffers. */
function messageOf(fields: readonly TextField[]): Plain {
  const found: Plain = { name: '', number: 0, dims: [], flag: false, kind: 0, child: [], share: 0, words: [] };
  const numberOf = (value: TextValue) => {
    assert.ok(value.kind === 'number');
    return (value.negative ? -1 : 1) * Number(value.text);
  };
  for (const { name, value } of fields) {
    if (name === 'name' || name === 'words') {
      assert.ok(value.kind === 'string');
      if (name === 'name') found.name = value.text;
      else found.words.push(value.text);
    } else if (name === 'number' || name === 'share') found[name] = numberOf(value);
    else if (name === 'dims') found.dims.push(numberOf(value));
    else if (name === 'flag') found.flag = value.kind === 'name' && value.text === 'true';
    else if (name === 'kind') {
      assert.ok(value.kind === 'name');
      found.kind = ['NONE', 'SOME', 'MANY'].indexOf(value.text);
    } else {
      assert.ok(name === 'child' && value.kind === 'message');
      found.child.push(messageOf(value.fields));
    }
  }
  return found;
}

const asPlain = (plain: Plain): Plain => ({
  ...plain,
  share: plain.share === 0 ? 0 : plain.share,
  child: plain.child.map(asPlain),
});

test('what protobufjs writes is read as it was', () => {
  fc.assert(
    fc.property(node, (plain) => {
      const written = textformat.toText(Node, Node.fromObject(plain));
      assert.deepEqual(asPlain(messageOf(parseTextFormat(written))), asPlain(plain));
    }),
    { numRuns: 300 },
  );
});

/** Spellings of one value that people and tools write. */
const spelled = fc
  .record({
    comment: fc.constantFrom('', '# a comment { [ "\n', ' \t\r\n'),
    colon: fc.constantFrom('', ':', ' : '),
    braces: fc.constantFrom(['{', '}'] as const, ['<', '>'] as const),
    end: fc.constantFrom('', ',', ';'),
    quote: fc.constantFrom('"', "'"),
    list: fc.boolean(),
    values: fc.array(fc.integer({ min: 0, max: 999 }), { minLength: 1, maxLength: 3 }),
    word: fc.stringMatching(/^[a-z ]{0,8}$/),
  })
  .map(({ comment, colon, braces: [open, close], end, quote, list, values, word }) => {
    const dims = list
      ? `dims: [${comment}${values.join(', ')}]${end}`
      : values.map((each) => `dims:${each}${end} `).join('');
    const children = list
      ? `child${colon}[${open}${dims}${close}, ${open}${close}]`
      : `child${colon}${open}${dims}${close}`;
    return `${comment}name: ${quote}${word}${quote} ${quote}!${quote}${end}${comment}${children}${end}${comment}`;
  });

test('every spelling is read as protobufjs reads it', () => {
  fc.assert(
    fc.property(spelled, (written) => {
      const expected = Node.toObject(textformat.fromText(Node, written), {
        defaults: true,
        longs: Number,
        arrays: true,
      });
      assert.deepEqual(messageOf(parseTextFormat(written)), expected);
    }),
    { numRuns: 300 },
  );
});

test('any text is read, or refused with its line and column', () => {
  const pieces = fc.constantFrom(
    'a',
    ':',
    '{',
    '}',
    '[',
    ']',
    '<',
    '>',
    ',',
    ';',
    '"',
    "'",
    '\\x',
    '-',
    '1',
    '0x',
    '1.',
    '#',
    '\n',
    ' ',
    'é',
  );
  fc.assert(
    fc.property(fc.array(pieces, { maxLength: 24 }), (parts) => {
      try {
        parseTextFormat(parts.join(''));
      } catch (error) {
        assert.ok(error instanceof Error);
        assert.match(error.message, /^line [1-9]\d*, column [1-9]\d*: /);
      }
    }),
    { numRuns: 2_000 },
  );
});

test('fields keep the place of their name, and values theirs', () => {
  const [, second] = parseTextFormat('a: 1\n\n  b: [\n 2,\n   "x"]');
  assert.deepEqual(second?.at, { line: 3, column: 3 });
  assert.deepEqual(second.value.at, { line: 4, column: 2 });
});

const refusals: readonly (readonly [string, RegExp])[] = [
  ['a: 1\nb 2', /^line 2, column 3: expected ':' or '\{', found '2'$/],
  ['a {\n b: 1\n', /^line 3, column 1: expected a field or '\}', found the end of the file$/],
  ['a { b: 1 ] }', /^line 1, column 10: expected a field or '\}', found '\]'$/],
  ['a: "x\n"', /^line 1, column 4: the string " has no end$/],
  ['a: "\\q"', /^line 1, column 4: \\q is no escape within a string$/],
  ['a: "\\377"', /^line 1, column 4: the string is no UTF-8$/],
  ['a: 12x', /^line 1, column 4: '12x' is no number$/],
  ['a: [1, 2', /^line 1, column 9: expected ',' or '\]', found the end of the file$/],
  ['a: [1,]', /^line 1, column 7: expected a value, found '\]'$/],
  ['}', /^line 1, column 1: expected a field, found '\}'$/],
  ['a: "x"\n@', /^line 2, column 1: "@" is not expected here$/],
  ['a: -"x"', /^line 1, column 5: expected a value, found "x"$/],
];

test('mistakes are told with their place', () => {
  for (const [written, message] of refusals) assert.throws(() => parseTextFormat(written), { message });
});

test('messages within messages end somewhere', () => {
  assert.throws(() => parseTextFormat('a{'.repeat(100_000)), /more than 64 messages within one another/);
});
