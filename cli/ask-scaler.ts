/** Client of a running scaler's API, shared by the commands that query one: flags, requests and error messages. */
import { Option, type Command } from 'commander';
import type Type from 'typebox';
import { Check } from 'typebox/value';
import { SettingsError } from '../contract/settings.ts';
import { isHttpUrl } from '../runtime/process/flag-values.ts';
import type { ProgramIo } from './io.ts';

export interface AskFlags {
  readonly url: string;
  readonly json?: true;
}

/** Missing or unusable answer of a scaler; printed without a stack. */
export class AskError extends Error {
  override readonly name = 'AskError';
}

const limitMs = 10_000;

export function askOptions(command: Command, env: ProgramIo['env']): Command {
  return command
    .addOption(
      new Option('--url <url>', 'address of the scaler (env: SLUICE_SCALER_URL)').default(
        env['SLUICE_SCALER_URL'] ?? 'http://127.0.0.1:8082',
      ),
    )
    .option('--json', 'print the JSON answer of the scaler')
    .allowExcessArguments(false);
}

/** @throws SettingsError where the address can't be one, AskError where no scaler answers there */
export async function ask<Schema extends Type.TSchema>(
  base: string,
  path: string,
  schema: Schema,
): Promise<Type.Static<Schema>> {
  if (!isHttpUrl(base)) {
    throw new SettingsError([`--url (SLUICE_SCALER_URL): must be http://host:port, was: ${JSON.stringify(base)}`]);
  }
  let response: Response;
  let text: string;
  try {
    response = await fetch(new URL(path, base), { signal: AbortSignal.timeout(limitMs) });
    text = await response.text();
  } catch (error) {
    const cause = error instanceof Error ? (error.cause ?? error) : error;
    const detail = cause instanceof Error ? cause.message || cause.name : String(cause);
    throw new AskError(`no scaler answers at ${base}: ${detail} (--url, SLUICE_SCALER_URL)`);
  }
  const body = parse(text);
  if (!response.ok) throw new AskError(problemOf(body) ?? `the scaler at ${base} answered ${response.status}`);
  if (!Check(schema, body)) throw new AskError(`the server at ${base} is not a scaler of this version`);
  return body;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** `detail` member of a problem document (RFC 9457). */
function problemOf(body: unknown): string | null {
  return typeof body === 'object' && body !== null && 'detail' in body && typeof body.detail === 'string'
    ? body.detail
    : null;
}
