/**
 * Mistakes of a value that a person wrote, by its schema: every one at once, each as `path: what must be, was: value`, with the
 * field that an unknown one may have meant. For files and settings, not for requests: it takes its time.
 */
import type Type from 'typebox';
import { Settings } from 'typebox/system';
import { Errors, Pointer } from 'typebox/value';
import { quote } from './errors.ts';
import { nearestName, suggestion } from './nearest-name.ts';

export interface Wording {
  /** Owner of the fields in a sentence: `a ModelPool`, `config.yaml`. */
  readonly whole: string;
  /** Words for patterns: `/name: must be <words>` instead of a regular expression. */
  readonly patterns?: Readonly<Record<string, string>>;
}

type SchemaError = ReturnType<typeof Errors>[number];

/** Limit on mistakes of one value; TypeBox stops at 8 by itself. */
const mostErrors = 500;

/** All errors of a value, in the order of the schema. */
export function allErrors(schema: Type.TSchema, value: unknown): SchemaError[] {
  const { maxErrors } = Settings.Get();
  Settings.Set({ maxErrors: mostErrors });
  try {
    return Errors(schema, value);
  } finally {
    Settings.Set({ maxErrors });
  }
}

/** @returns mistakes as lines that begin with the JSON pointer of the field, `/` for the whole value */
export function mistakesOf(schema: Type.TSchema, value: unknown, wording: Wording): string[] {
  const found = allErrors(schema, value);
  const misspelt = new Set<string>();
  const lines = ofLikelyBranches(found).flatMap((error) => linesOf(error, { schema, value, wording, misspelt }));
  // A field that is missing because its name is misspelt is one mistake.
  return [
    ...new Set(lines.filter(({ missing }) => missing === null || !misspelt.has(missing)).map(({ text }) => text)),
  ];
}

interface Line {
  readonly text: string;
  /** Path of a required field that is missing. */
  readonly missing: string | null;
}

interface Context {
  readonly schema: Type.TSchema;
  readonly value: unknown;
  readonly wording: Wording;
  /** Paths of fields that an unknown one stands for. */
  readonly misspelt: Set<string>;
}

function linesOf(error: SchemaError, { schema, value, wording, misspelt }: Context): Line[] {
  const { instancePath } = error;
  switch (error.keyword) {
    case 'additionalProperties': {
      const siblings = propertiesOf(schema, error.schemaPath);
      return error.params.additionalProperties.map((name) => {
        const meant = nearestName(name, siblings);
        if (meant !== null) misspelt.add(`${instancePath}/${meant}`);
        const hint = meant ?? placeOf(schema, name);
        const question = hint === null ? '' : `; did you mean ${hint}?`;
        return { text: `${instancePath}/${name}: is not a field of ${wording.whole}${question}`, missing: null };
      });
    }
    case 'required':
      return error.params.requiredProperties.map((name) => {
        const missing = `${instancePath}/${name}`;
        return { text: `${missing}: is required`, missing };
      });
    // An unknown field yields "schema is false" too, and a union the errors of its branches.
    case 'boolean':
    case 'anyOf':
      return [];
    default: {
      const given: unknown = Pointer.Get(value, instancePath);
      const text = `${instancePath || '/'}: ${mustOf(error, wording)}, was: ${quote(given)}${meantOf(error, given)}`;
      return [{ text, missing: null }];
    }
  }
}

function mustOf(error: SchemaError, { patterns }: Wording): string {
  switch (error.keyword) {
    case 'enum':
      return `must be one of ${error.params.allowedValues.join(', ')}`;
    case 'const':
      return `must be ${quote(error.params.allowedValue)}`;
    case 'pattern': {
      const words = patterns?.[String(error.params.pattern)];
      return words === undefined ? error.message : `must be ${words}`;
    }
    default:
      return error.message;
  }
}

function meantOf(error: SchemaError, given: unknown): string {
  if (typeof given !== 'string') return '';
  if (error.keyword !== 'enum') return '';
  const allowed: readonly unknown[] = error.params.allowedValues;
  return suggestion(
    given,
    allowed.filter((each) => typeof each === 'string'),
  );
}

/**
 * Leaves out the errors of branches that a value can't have meant: of a union, those of the branch that comes nearest, or one error
 * for all branches where the value has the type of none.
 */
function ofLikelyBranches(errors: readonly SchemaError[]): SchemaError[] {
  const unions = errors.filter(({ keyword }) => keyword === 'anyOf');
  const dropped = new Set<SchemaError>();
  const joined: SchemaError[] = [];
  for (const union of unions) {
    const branches = new Map<string, SchemaError[]>();
    for (const error of errors) {
      const start = `${union.schemaPath}/anyOf/`;
      if (!error.schemaPath.startsWith(start) || !error.instancePath.startsWith(union.instancePath)) continue;
      const branch = error.schemaPath.slice(start.length).split('/', 1)[0]!;
      branches.set(branch, [...(branches.get(branch) ?? []), error]);
    }
    const isOfType = (found: readonly SchemaError[]): boolean =>
      !found.some(
        ({ keyword, instancePath }) =>
          instancePath === union.instancePath && (keyword === 'type' || keyword === 'const'),
      );
    const all = [...branches.values()];
    const near = all.filter(isOfType).toSorted((one, other) => weightOf(one) - weightOf(other));
    for (const error of all.flat()) if (near[0]?.includes(error) !== true) dropped.add(error);
    if (near[0] === undefined && all.length > 0) {
      const texts = new Set(all.map((found) => mustOf(found.at(-1)!, { whole: '' })));
      const message = [...texts]
        .map((text, index) => (index === 0 ? text : text.replace(/^must be /, '')))
        .join(' or ');
      joined.push({ ...union, keyword: 'type', message } as SchemaError);
    }
  }
  return [...errors.filter((error) => !dropped.has(error)), ...joined.filter((error) => !dropped.has(error))];
}

/** Errors of a branch, where a field that is missing counts as many, unless an unknown one stands for it. */
function weightOf(errors: readonly SchemaError[]): number {
  const unknown = errors.flatMap((error) =>
    error.keyword === 'additionalProperties' ? error.params.additionalProperties : [],
  );
  return errors.reduce((sum, error) => {
    if (error.keyword !== 'required') return sum + 1;
    const { requiredProperties } = error.params;
    return sum + (unknown.some((name) => nearestName(name, requiredProperties) !== null) ? 1 : 10);
  }, 0);
}

function propertiesOf(schema: Type.TSchema, schemaPath: string): string[] {
  let at: unknown = schema;
  for (const step of schemaPath.split('/').slice(1)) at = (at as Record<string, unknown> | undefined)?.[step];
  return Object.keys((at as { properties?: object } | undefined)?.properties ?? {});
}

/** Path of the field of that name elsewhere in the schema; null where there is none, or several. */
function placeOf(schema: Type.TSchema, name: string): string | null {
  const same: string[] = [];
  const near: string[] = [];
  const walk = (at: { properties?: Record<string, object> }, path: string): void => {
    for (const [key, child] of Object.entries(at.properties ?? {})) {
      const place = `${path}/${key}`;
      if (key === name) same.push(place);
      // Short names resemble too many others.
      else if (key.length > 4 && nearestName(name, [key]) !== null) near.push(place);
      walk(child, place);
    }
  };
  walk(schema, '');
  const places = same.length > 0 ? same : near;
  return places.length === 1 ? places[0]! : null;
}
