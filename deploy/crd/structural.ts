/**
 * Translates the JSON Schemas of contract/ to the structural schema of a CustomResourceDefinition. That is OpenAPI v3.0, which
 * has no `const`, no numeric `exclusiveMinimum` and no null type. Objects are closed by pruning: the API server drops fields
 * that the schema does not name.
 */
interface JsonSchema {
  readonly type?: string;
  readonly description?: string;
  readonly default?: unknown;
  readonly format?: string;
  readonly const?: string;
  readonly enum?: readonly string[];
  readonly pattern?: string;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly exclusiveMinimum?: number;
  readonly exclusiveMaximum?: number;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly uniqueItems?: boolean;
  readonly items?: JsonSchema;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly patternProperties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
  readonly anyOf?: readonly JsonSchema[];
  readonly additionalProperties?: boolean;
}

export type Structural = Record<string, unknown>;

/** Keywords that are copied unchanged. */
const same = ['description', 'format', 'pattern', 'minLength', 'maxLength', 'minItems', 'maxItems', 'default'] as const;
const known = new Set<string>([
  ...same,
  'type',
  'const',
  'enum',
  'minimum',
  'maximum',
  'exclusiveMinimum',
  'exclusiveMaximum',
  'uniqueItems',
  'items',
  'properties',
  'patternProperties',
  'required',
  'anyOf',
  'additionalProperties',
]);

/** @throws Error naming the keywords without a structural form */
export function structural(schema: JsonSchema): Structural {
  const unknown = Object.keys(schema).filter((keyword) => !known.has(keyword));
  if (unknown.length > 0) throw new Error(`no structural form of ${unknown.join(', ')}`);
  if (schema.anyOf !== undefined) return nullable(schema.anyOf);
  const out: Structural = {};
  const values = schema.const === undefined ? schema.enum : [schema.const];
  out['type'] = values === undefined ? schema.type : 'string';
  for (const keyword of same) if (schema[keyword] !== undefined) out[keyword] = schema[keyword];
  if (values !== undefined) out['enum'] = values;
  bound(out, 'inimum', schema.minimum, schema.exclusiveMinimum);
  bound(out, 'aximum', schema.maximum, schema.exclusiveMaximum);
  if (schema.items !== undefined) out['items'] = structural(schema.items);
  // The API server rejects `uniqueItems` as too expensive; list-type `set` enforces the same.
  if (schema.uniqueItems === true) out['x-kubernetes-list-type'] = 'set';
  const [record] = Object.values(schema.patternProperties ?? {});
  if (record !== undefined) out['additionalProperties'] = structural(record);
  if (schema.properties !== undefined) {
    // Fields with a default are optional, since the API server fills them in.
    const required = (schema.required ?? []).filter((name) => schema.properties?.[name]?.default === undefined);
    if (required.length > 0) out['required'] = required;
    out['properties'] = Object.fromEntries(
      Object.entries(schema.properties).map(([name, property]) => [name, structural(property)]),
    );
  }
  return out;
}

function bound(out: Structural, rest: string, inclusive: number | undefined, exclusive: number | undefined): void {
  const value = inclusive ?? exclusive;
  if (value === undefined) return;
  out[`m${rest}`] = value;
  if (exclusive !== undefined) out[`exclusiveM${rest}`] = true;
}

function nullable(choices: readonly JsonSchema[]): Structural {
  const others = choices.filter(({ type }) => type !== 'null');
  // A union of several types has no structural form, so the field is left unchecked and unpruned.
  const inner = others.length === 1 ? structural(others[0]!) : { 'x-kubernetes-preserve-unknown-fields': true };
  return others.length < choices.length ? { ...inner, nullable: true } : inner;
}
