/**
 * A guide as steps in the order of its page: files to write, commands to run, and what the page says that they print. No block of a
 * guide may be anything else, so that nothing on the page goes untried. Runs nothing.
 */
import { blocksOf } from '../support/guide.ts';

export type Step =
  | { readonly kind: 'file'; readonly name: string; readonly text: string }
  | { readonly kind: 'command'; readonly command: string; readonly expected: Expected | undefined };

export type Expected =
  | { readonly kind: 'json'; readonly value: unknown }
  /** Lines that are printed in this order, others between them; `…` stands for what differs each time. */
  | { readonly kind: 'text'; readonly lines: readonly string[] };

/** Largest difference of a number, as a part of its value and never of less than 1: training and runtimes round differently by machine. */
const tolerance = 1e-3;

/** @throws Error that shows the block that is no step */
export function stepsOf(text: string): Step[] {
  const steps: Step[] = [];
  for (const { file, language, body } of blocksOf(text)) {
    const before = steps.at(-1);
    if (file !== undefined) steps.push({ kind: 'file', name: file, text: body });
    else if (language === 'sh') steps.push({ kind: 'command', command: body.trim(), expected: undefined });
    else if (
      before?.kind === 'command' &&
      before.expected === undefined &&
      (language === 'json' || language === 'text')
    )
      steps[steps.length - 1] = { ...before, expected: expectation(language, body) };
    else throw new Error(`this block is neither a file, nor a command, nor what one prints:\n${body}`);
  }
  return steps;
}

function expectation(language: 'json' | 'text', body: string): Expected {
  return language === 'json'
    ? { kind: 'json', value: JSON.parse(body) }
    : { kind: 'text', lines: body.trim().split('\n') };
}

/** @returns what is wrong with the output of a command, undefined where it is what the page says */
export function difference(expected: Expected, output: string): string | undefined {
  if (expected.kind === 'text') {
    const missing = firstMissing(expected.lines, output);
    return missing === undefined ? undefined : `there is no line '${missing}' in:\n${output}`;
  }
  let value: unknown;
  try {
    value = JSON.parse(output);
  } catch {
    return `no JSON: ${output}`;
  }
  return unequal(expected.value, value, 'answer');
}

/** @returns the first expected line that the output lacks at its place; undefined where it has all */
export function firstMissing(lines: readonly string[], output: string): string | undefined {
  const printed = output.split('\n').map(words);
  let next = 0;
  return lines.find((line) => {
    const pattern = new RegExp(
      `^${words(line)
        .replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
        .replaceAll('…', '.*')}$`,
    );
    const found = printed.findIndex((text, at) => at >= next && pattern.test(text));
    next = found + 1;
    return found < 0;
  });
}

/** Text of a line with one space wherever columns are aligned by several. */
function words(line: string): string {
  return line.trim().replace(/\s+/g, ' ');
}

function unequal(expected: unknown, value: unknown, where: string): string | undefined {
  if (typeof expected === 'number' && typeof value === 'number') {
    const close = Math.abs(expected - value) <= tolerance * Math.max(1, Math.abs(expected));
    return close ? undefined : `${where} is ${value}, the page says ${expected}`;
  }
  if (typeof expected === 'object' && typeof value === 'object' && expected !== null && value !== null) {
    const keys = new Set([...Object.keys(expected), ...Object.keys(value)]);
    const fields = (of: object) => of as Record<string, unknown>;
    return [...keys].map((key) => unequal(fields(expected)[key], fields(value)[key], `${where}.${key}`)).find(Boolean);
  }
  return expected === value
    ? undefined
    : `${where} is ${JSON.stringify(value)}, the page says ${JSON.stringify(expected)}`;
}
