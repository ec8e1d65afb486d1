import assert from 'node:assert/strict';
import { test } from 'node:test';
import Type from 'typebox';
import { mistakesOf } from './schema-mistakes.ts';

const closed = { additionalProperties: false };
const fields = Array.from({ length: 20 }, (_, index) => [`n${index}`, Type.Optional(Type.Integer())] as const);
const schema = Type.Object(
  {
    name: Type.String({ pattern: '^[a-z]+$' }),
    level: Type.Optional(Type.Enum(['info', 'debug'])),
    limits: Type.Optional(Type.Object({ timeoutMs: Type.Optional(Type.Integer({ minimum: 1 })) }, closed)),
    policy: Type.Optional(
      Type.Union([
        Type.Literal('all'),
        Type.Object({ latest: Type.Integer({ minimum: 1 }) }, closed),
        Type.Object({ specific: Type.Array(Type.Integer(), { minItems: 1 }) }, closed),
      ]),
    ),
    ...Object.fromEntries(fields),
  },
  closed,
);
const mistakes = (value: unknown): string[] =>
  mistakesOf(schema, value, { whole: 'the file', patterns: { '^[a-z]+$': 'letters' } });

test('all mistakes are found, however many', () => {
  const value = Object.fromEntries(fields.map(([name]) => [name, 'x']));
  assert.equal(mistakes({ name: 'a', ...value }).length, fields.length);
});

for (const [what, value, expected] of [
  ['a field that is near', { nmae: 'a' }, ['/nmae: is not a field of the file; did you mean name?']],
  ['a field that is missing', {}, ['/name: is required']],
  [
    'a field of another place',
    { name: 'a', timeoutMs: 1 },
    ['/timeoutMs: is not a field of the file; did you mean /limits/timeoutMs?'],
  ],
  ['a field like no other', { name: 'a', zzz: 1 }, ['/zzz: is not a field of the file']],
  ['a pattern in words', { name: 'A1' }, ['/name: must be letters, was: "A1"']],
  [
    'a value of a list that is near',
    { name: 'a', level: 'Debg' },
    ['/level: must be one of info, debug, was: "Debg"; did you mean debug?'],
  ],
  ['no branch of a union', { name: 'a', policy: 'x' }, ['/policy: must be "all" or object, was: "x"']],
  ['the likely branch of a union', { name: 'a', policy: { latest: 0 } }, ['/policy/latest: must be >= 1, was: 0']],
  [
    'the likely branch of a misspelt field',
    { name: 'a', policy: { specifc: [1] } },
    ['/policy/specifc: is not a field of the file; did you mean specific?'],
  ],
  ['no object at all', ['a'], ['/: must be object, was: ["a"]']],
] as const) {
  test(`${what}: ${expected[0]}`, () => assert.deepEqual(mistakes(value), expected));
}
