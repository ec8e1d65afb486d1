/**
 * Builds a command whose options are the properties of a settings schema, with flag, variable, default and help. Its
 * `--print-config` prints the settings in effect and the source of each.
 */
import { Command, Option } from 'commander';
import type Type from 'typebox';
import { Document, Scalar, type Pair } from 'yaml';
import { flagName, isSecret, readSettings, variableName } from '../contract/settings.ts';

export interface SettingsCommand<Schema extends Type.TObject> {
  readonly name: string;
  readonly summary: string;
  readonly description: string;
  readonly schema: Schema;
  readonly examples: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly print: (text: string) => void;
  /** Called once the settings are valid, for what makes none of them wrong. */
  readonly warn?: () => void;
  readonly run: (settings: Readonly<Type.Static<Schema>>) => Promise<void>;
}

export function settingsCommand<Schema extends Type.TObject>(spec: SettingsCommand<Schema>): Command {
  const { schema, env, print } = spec;
  const command = new Command(spec.name)
    .summary(spec.summary)
    .description(spec.description)
    .allowExcessArguments(false);
  for (const [property, value] of Object.entries(schema.properties)) {
    if (!isSecret(value)) command.addOption(new Option(`${flagName(property)} <value>`, describe(property, value)));
  }
  command.option('--print-config', 'print the settings in effect and the source of each, then exit');
  const secrets = Object.entries<Described>(schema.properties).filter(([, value]) => isSecret(value));
  if (secrets.length > 0) {
    const lines = secrets.map(([property, { description }]) => `  ${variableName(property)}  ${description ?? ''}`);
    command.addHelpText('after', `\nVariables without a flag:\n${lines.join('\n')}`);
  }
  command.addHelpText('after', `\nExamples:\n${spec.examples.map((line) => `  ${line}`).join('\n')}`);
  command.action(async ({ printConfig, ...flags }: Record<string, string> & { printConfig?: true }) => {
    const settings = readSettings(schema, env, flags);
    spec.warn?.();
    if (printConfig === undefined) await spec.run(settings);
    else print(renderConfig(schema, settings, env, flags));
  });
  return command;
}

/** Part of a property's schema that appears in the help. */
interface Described {
  readonly description?: string;
  readonly default?: string | number | boolean;
  readonly enum?: readonly string[];
  readonly writeOnly?: boolean;
}

function describe(property: string, value: Described): string {
  const notes = [`env: ${variableName(property)}`];
  if (value.default !== undefined) notes.unshift(`default: ${value.default}`);
  if (value.enum !== undefined) notes.unshift(`one of ${value.enum.join(', ')}`);
  return `${value.description ?? ''} (${notes.join('; ')})`;
}

/** Renders settings as YAML with their sources as comments. Unset settings are listed in comments. */
function renderConfig(
  schema: Type.TObject,
  settings: Readonly<Record<string, unknown>>,
  env: Readonly<Record<string, string | undefined>>,
  flags: Readonly<Record<string, string>>,
): string {
  const document = new Document({});
  const unset: string[] = [];
  for (const [property, described] of Object.entries<Described>(schema.properties)) {
    const value = settings[property];
    const secret = isSecret(described);
    if (value === undefined) {
      const names = secret ? [variableName(property)] : [flagName(property), variableName(property)];
      unset.push(` ${property}: not set (${names.join(', ')})`);
      continue;
    }
    const scalar = new Scalar(secret ? '***' : value);
    scalar.comment = ` ${source(property, env, flags)}`;
    document.add(document.createPair(property, scalar) satisfies Pair);
  }
  if (unset.length > 0) document.comment = unset.join('\n');
  return document.toString({ lineWidth: 0 });
}

function source(
  property: string,
  env: Readonly<Record<string, string | undefined>>,
  flags: Readonly<Record<string, string>>,
): string {
  if (flags[property] !== undefined) return flagName(property);
  if (env[variableName(property)] !== undefined) return variableName(property);
  return 'default';
}
