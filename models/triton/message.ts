/**
 * Readers of messages in protobuf's text format: a description of the fields becomes a function from the tree of the text to
 * values, which keep their places. Fields that nobody obeys are counted while they are read. Pure functions.
 */
import { nearestName } from '../../contract/nearest-name.ts';
import { TextFormatError, type Place } from './text-tokens.ts';
import type { TextField, TextValue } from './text-format.ts';

/** A field that has no effect here. */
export interface Unobeyed {
  /** Names from the outermost message inwards, joined by dots. */
  readonly field: string;
  readonly line: number;
  readonly why: string;
}

interface Context {
  readonly path: string;
  readonly unobeyed: Unobeyed[];
}

export type Reader<T> = (value: TextValue, context: Context) => T;

/** One value, with the place of its field. */
export interface Placed<T> {
  readonly value: T;
  readonly at: Place;
}

interface FieldReader<T> {
  readonly read: (fields: readonly TextField[], context: Context) => T;
}

/** A field that comes at most once. */
export function one<T>(reader: Reader<T>): FieldReader<Placed<T> | null> {
  return {
    read: (fields, context) => {
      const [first, second] = fields;
      if (second !== undefined) throw new TextFormatError(`'${second.name}' comes twice`, second.at);
      return first === undefined ? null : { value: reader(first.value, context), at: first.at };
    },
  };
}

/** A field that comes any number of times, or has a list. */
export function many<T>(reader: Reader<T>): FieldReader<readonly Placed<T>[]> {
  return {
    read: (fields, context) => fields.map((field) => ({ value: reader(field.value, context), at: field.at })),
  };
}

/** A field that is not obeyed, whatever it holds. */
export function unobeyed(why: string): FieldReader<null> {
  return {
    read: (fields, { path, unobeyed: found }) => {
      const [first] = fields;
      if (first !== undefined) found.push({ field: path, line: first.at.line, why });
      return null;
    },
  };
}

/** A field without which the model would not answer as it does elsewhere. */
export function refused(why: string): FieldReader<null> {
  return {
    read: ([first]) => {
      if (first !== undefined) throw new TextFormatError(`${first.name}: ${why}`, first.at);
      return null;
    },
  };
}

/** A field that says nothing which would change an answer. */
export const descriptive: FieldReader<null> = { read: () => null };

type Fields = Readonly<Record<string, FieldReader<unknown>>>;
export type Message<F extends Fields> = { readonly [K in keyof F]: ReturnType<F[K]['read']> };

/** @returns reader of a message, which refuses fields that are not described */
export function message<F extends Fields>(what: string, described: F): Reader<Message<F>> {
  return (value, context) => {
    if (value.kind !== 'message') throw wrong(value, `a message in braces`);
    return messageOf(what, described, { fields: value.fields, context });
  };
}

export function messageOf<F extends Fields>(
  what: string,
  described: F,
  { fields, context }: { readonly fields: readonly TextField[]; readonly context: Context },
): Message<F> {
  for (const { name, at } of fields) {
    if (Object.hasOwn(described, name)) continue;
    const near = nearestName(name, Object.keys(described));
    const hint = near === null ? '' : `; did you mean '${near}'?`;
    throw new TextFormatError(`'${name}' is no field of ${what}${hint}`, at);
  }
  const read: Record<string, unknown> = {};
  for (const [name, reader] of Object.entries(described)) {
    const path = context.path === '' ? name : `${context.path}.${name}`;
    read[name] = reader.read(
      fields.filter((field) => field.name === name),
      { ...context, path },
    );
  }
  return read as Message<F>;
}

/** A map, whose entries are messages with `key` and `value`. The last entry of a key counts. */
export function map<T>(what: string, value: Reader<T>): FieldReader<ReadonlyMap<string, Placed<T>>> {
  const entries = many(message(what, { key: one(text), value: one(value) }));
  return {
    read: (fields, context) => {
      const found = new Map<string, Placed<T>>();
      for (const { value: entry, at } of entries.read(fields, context)) {
        if (entry.value !== null) found.set(entry.key?.value ?? '', { value: entry.value.value, at });
      }
      return found;
    },
  };
}

export const text: Reader<string> = (value) => {
  if (value.kind !== 'string') throw wrong(value, 'a string in quotes');
  return value.text;
};

export const flag: Reader<boolean> = (value) => {
  if (value.kind === 'name' && !value.negative) {
    if (['true', 'True', 't'].includes(value.text)) return true;
    if (['false', 'False', 'f'].includes(value.text)) return false;
  }
  if (value.kind === 'number' && !value.negative && /^(0|1)$/.test(value.text)) return value.text === '1';
  throw wrong(value, 'true or false');
};

/** A whole number that a double holds exactly. */
export function integer(least: number, most: number = Number.MAX_SAFE_INTEGER): Reader<number> {
  return (value) => {
    const range = most === Number.MAX_SAFE_INTEGER ? `from ${least}` : `from ${least} to ${most}`;
    const wanted = `a whole number ${range}`;
    if (value.kind !== 'number' || !/^(?:0[xX][0-9a-fA-F]+|[0-9]+)$/.test(value.text)) throw wrong(value, wanted);
    // A leading zero means octal, as in C.
    const isOctal = /^0[0-9]/.test(value.text);
    const magnitude = Number(isOctal ? `0o${value.text.slice(1)}` : value.text);
    const number = value.negative ? -magnitude : magnitude;
    if (!(number >= least && number <= most)) throw wrong(value, wanted);
    return number === 0 ? 0 : number;
  };
}

/** A name of an enum, or its number. */
export function choice<N extends string>(names: readonly N[]): Reader<N> {
  return (value) => {
    const found =
      value.kind === 'name'
        ? names.find((name) => name === value.text && !value.negative)
        : value.kind === 'number'
          ? names[Number(value.negative ? NaN : value.text)]
          : undefined;
    if (found === undefined) throw wrong(value, `one of ${names.join(', ')}`);
    return found;
  };
}

export function wrong(value: TextValue, wanted: string): TextFormatError {
  const found =
    value.kind === 'message'
      ? 'a message'
      : value.kind === 'string'
        ? JSON.stringify(value.text)
        : `${value.negative ? '-' : ''}${value.text}`;
  return new TextFormatError(`must be ${wanted}, was: ${found}`, value.at);
}
