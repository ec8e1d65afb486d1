/**
 * Settings of a process. One TypeBox schema gives the defaults, validation, flags, environment variables and `--help`.
 *
 * Property `runLimitMs` is the flag `--run-limit-ms` and the variable `SLUICE_RUN_LIMIT_MS`. The flag takes precedence over
 * the variable, and the variable over the default. Each property needs a `description`, and one with a `pattern` says in `allowed`
 * what that lets through. A secret is `writeOnly: true`: it has no
 * flag, which every user of the machine could read, and no message quotes it.
 */
import type Type from 'typebox';
import { Check, Default } from 'typebox/value';
import { quote } from './errors.ts';
import { suggestion } from './nearest-name.ts';
import { allErrors } from './schema-mistakes.ts';

export function flagName(property: string): string {
  return `--${property.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

export function variableName(property: string): string {
  return `SLUICE_${property.replaceAll(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`;
}

/** Whether a setting is a secret: it comes from the environment alone and is never shown. */
export function isSecret(setting: object): boolean {
  return 'writeOnly' in setting && setting.writeOnly === true;
}

/** Errors of all settings at once. Each names the flag, the variable, the valid values and the rejected value. */
export class SettingsError extends Error {
  override readonly name = 'SettingsError';
  readonly errors: readonly string[];

  constructor(errors: readonly string[]) {
    super(errors.join('\n'));
    this.errors = errors;
  }
}

/**
 * @param flags values of the given flags, unparsed, by property name
 * @returns the frozen settings
 * @throws SettingsError
 */
export function readSettings<Schema extends Type.TObject>(
  schema: Schema,
  env: Readonly<Record<string, string | undefined>>,
  flags: Readonly<Record<string, string | undefined>> = {},
): Readonly<Type.Static<Schema>> {
  const given: Record<string, unknown> = {};
  const raw: Record<string, string> = {};
  for (const [property, setting] of Object.entries<{ type?: unknown }>(schema.properties)) {
    const value = (isSecret(setting) ? undefined : flags[property]) ?? env[variableName(property)];
    if (value === undefined) continue;
    raw[property] = value;
    given[property] = parse(setting.type, value);
  }
  const settings: unknown = Default(schema, given);
  if (Check(schema, settings)) return Object.freeze(settings);
  const errors = new Set<string>();
  for (const error of allErrors(schema, settings)) {
    const property = error.instancePath.slice(1).split('/')[0] ?? '';
    if (error.keyword === 'required') {
      for (const name of error.params.requiredProperties) {
        errors.add(`${nameOf(name, schema)}: is required`);
      }
    } else {
      const allowed = error.keyword === 'enum' ? error.params.allowedValues.map(String) : [];
      const must =
        allowed.length > 0
          ? `must be one of ${allowed.join(', ')}`
          : mustOf(schema.properties[property], error.message);
      const was = isSecret(schema.properties[property] ?? {}) ? '' : `, was: ${quote(raw[property])}`;
      errors.add(`${nameOf(property, schema)}: ${must}${was}${suggestion(raw[property] ?? '', allowed)}`);
    }
  }
  throw new SettingsError([...errors]);
}

function nameOf(property: string, { properties }: Type.TObject): string {
  const variable = variableName(property);
  return isSecret(properties[property] ?? {}) ? variable : `${flagName(property)} (${variable})`;
}

/** Unparsable values stay strings, so that validation rejects and quotes them: '12ms' is no integer, and '' is not 0. */
function parse(type: unknown, value: string): string | number | boolean {
  if ((type === 'integer' || type === 'number') && /^-?\d+(\.\d+)?$/.test(value)) return Number(value);
  if (type === 'boolean' && /^(true|false)$/.test(value)) return value === 'true';
  return value;
}

interface Bounds {
  readonly type?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  /** Text for errors that says what the pattern allows. */
  readonly allowed?: string;
}

/** Says everything that a setting may be, not only the bound that the value broke. */
function mustOf(setting: Bounds | undefined, otherwise: string): string {
  const { type, minimum, maximum, minLength, allowed } = setting ?? {};
  switch (type) {
    case 'boolean':
      return 'must be true or false';
    case 'string':
      if (allowed !== undefined) return `must be ${allowed}`;
      return minLength === 1 ? 'must not be empty' : otherwise;
    case 'integer':
    case 'number': {
      const what = type === 'integer' ? 'a whole number' : 'a number';
      if (minimum === undefined)
        return maximum === undefined ? `must be ${what}` : `must be ${what} of at most ${maximum}`;
      return maximum === undefined
        ? `must be ${what} of at least ${minimum}`
        : `must be ${what} from ${minimum} to ${maximum}`;
    }
    default:
      return otherwise;
  }
}
