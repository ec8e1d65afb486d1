/** Reads the body of a control path: a small JSON object, checked against a schema. An empty body is an empty object. */
import type { IncomingMessage } from 'node:http';
import type { Static, TSchema } from 'typebox';
import { Errors, Check } from 'typebox/value';
import { quote, SluiceError } from '../../contract/errors.ts';
import { readBody, type BodyRoom } from './read-body.ts';

const smallBytes = 64 * 1024;

function roomOf(maxBytes: number, what: string): BodyRoom {
  const check = (bytes: number): void => {
    if (bytes <= maxBytes) return;
    throw new SluiceError('body-too-large', `a ${what} of ${bytes} bytes is over the limit of ${maxBytes}`);
  };
  return { check, reserve: check, release: () => undefined };
}

/**
 * @param what word for the body in errors
 * @throws SluiceError `invalid-json`, `invalid-request` or `body-too-large`
 */
export async function readSmallJson<Schema extends TSchema>(
  request: IncomingMessage,
  schema: Schema,
  { maxBytes = smallBytes, what = 'body' }: { readonly maxBytes?: number; readonly what?: string } = {},
): Promise<Static<Schema>> {
  const parts = await new Promise<readonly Buffer[]>((resolve, reject) => {
    readBody(request, roomOf(maxBytes, what), (error, body) => {
      if (error === null) resolve(body.parts);
      else reject(error);
    });
  });
  const text = Buffer.concat(parts).toString();
  let value: unknown = {};
  try {
    if (text.trim() !== '') value = JSON.parse(text);
  } catch (cause) {
    throw new SluiceError('invalid-json', `the ${what} is not JSON`, { cause });
  }
  if (Check(schema, value)) return value;
  const [error] = Errors(schema, value);
  const where = error?.instancePath ?? '';
  throw new SluiceError(
    'invalid-request',
    `${where === '' ? '/' : where}: ${error?.message ?? ''}, was: ${quote(value)}`,
  );
}
