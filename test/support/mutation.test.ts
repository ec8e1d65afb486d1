import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { namedFaults } from '../mutation/faults.ts';
import { apply, describe, mutantsOf } from '../mutation/mutants.ts';

/** The lines that mutants make of one line, within a function. */
function mutated(line: string, returns = ''): string[] {
  const text = `function f(a, b, c)${returns} {\n${line}\n}\n`;
  return mutantsOf('x.ts', text).map((mutant) => apply(text, mutant).split('\n')[1]!);
}

test('each operator has its opposite', () => {
  assert.deepEqual(mutated('const x = a < b;'), ['const x = a <= b;']);
  assert.deepEqual(mutated('const x = a >= b;'), ['const x = a > b;']);
  assert.deepEqual(mutated('const x = a === b;'), ['const x = a !== b;']);
  assert.deepEqual(mutated('const x = a && b;'), ['const x = a || b;']);
  assert.deepEqual(mutated('const x = a - b * c;'), ['const x = a + b * c;', 'const x = a - b / c;']);
  assert.deepEqual(mutated('const x = !a;'), ['const x = (a);']);
  assert.deepEqual(mutated('const x = Math.min(a, b);'), ['const x = Math.max(a, b);']);
});

test('conditions are negated, statements removed, and constants returned', () => {
  assert.deepEqual(mutated('if (a) b();'), ['if (!(a)) b();', 'if (a) ;']);
  assert.deepEqual(mutated('const x = a ? b : c;'), ['const x = !(a) ? b : c;']);
  assert.deepEqual(mutated('a += b;'), [';', 'a -= b;']);
  assert.deepEqual(mutated('return a;', ': number'), ['return 0;']);
  assert.deepEqual(mutated('return true;', ': boolean'), ['return false;']);
  assert.deepEqual(mutated('return a;', ': string | null'), ['return null;']);
  assert.deepEqual(mutated('return null;', ': string | null'), []);
  assert.deepEqual(mutated('for (const x of a) continue;'), ['for (const x of a) ;']);
});

test('types and texts are left alone', () => {
  assert.deepEqual(mutated("const x: 1 | 2 = a as 1 | 2; type Y = 'a + b';"), []);
});

test('a survivor is described by its place', () => {
  const text = 'const x =\n  a <\n  b;\n';
  assert.equal(describe(text, mutantsOf('x.ts', text)[0]!), 'x.ts:2 boundary: < → <=   in  a <');
});

test('each named fault can still be planted, and changes its file', () => {
  const textOf = (file: string): string => readFileSync(file, 'utf8');
  const faults = namedFaults(textOf);
  assert.equal(faults.length, 4);
  for (const fault of faults) assert.notEqual(apply(textOf(fault.file), fault), textOf(fault.file));
  assert.throws(() => namedFaults(() => 'other code'), /does not have once/);
});
