/** Asks an endpoint for its name and its model's inputs, and makes the requests to send. */
import { readFile } from 'node:fs/promises';
import { mediaTypes } from '../../contract/headers.ts';
import type { Workload } from './workload.ts';
import { readBodies } from './body-file.ts';
import { hasIntegers, integerBounds, makeWorkload, predictPath } from './inputs.ts';
import { readMetadata, readTensorFlowMetadata, type InputSignature } from './signature.ts';

export interface TargetPlan {
  readonly origin: string;
  readonly model: string;
  readonly version: string | null;
  readonly protocol: 'oip' | 'v1';
  readonly body: 'json' | 'binary' | { readonly file: string };
  readonly rows: number;
  readonly shapes: Readonly<Record<string, readonly number[]>>;
  readonly bodies: number;
  readonly seed: number;
  /** Headers of every request, added to those that the body needs. */
  readonly headers: Readonly<Record<string, string>>;
}

export interface PreparedTarget {
  readonly workload: Workload;
  /** Name and version that the server reports; null without any. */
  readonly server: string | null;
  /** Bound of the whole numbers in made requests, where the model refused the usual ones; null where it did not. */
  readonly integersBelow: number | null;
}

interface Refusal {
  readonly message: string;
  /** Whether other values might be taken: servers answer an id that the model lacks with one of these. */
  readonly byInput: boolean;
}

const timeoutMs = 10_000;

/** Thrown where the server does not answer, or not well: one line that a person can act on. */
export class TargetError extends Error {
  override readonly name = 'TargetError';
}

/** Makes the requests and tries one. @throws TargetError, MetadataError, or an Error about the file of bodies */
export async function prepareTarget(plan: TargetPlan): Promise<PreparedTarget> {
  const { body, model } = plan;
  if (typeof body === 'object') {
    const { contentType, bodies } = readBodies(body.file, await readFile(body.file));
    const workload = {
      model,
      path: predictPath(plan),
      headers: { 'content-type': contentType, ...plan.headers },
      bodies,
    };
    const refusal = await tryOnce(plan.origin, workload);
    if (refusal !== null) throw new TargetError(refusal.message);
    return { workload, server: await serverName(plan), integersBelow: null };
  }
  const { workload, integersBelow } = await acceptedWorkload(plan, body);
  return { workload, server: await serverName(plan), integersBelow };
}

/** Requests with the largest whole numbers that the model takes: ids beyond its vocabulary are refused. @throws TargetError */
async function acceptedWorkload(
  plan: TargetPlan,
  body: 'json' | 'binary',
): Promise<Pick<PreparedTarget, 'workload' | 'integersBelow'>> {
  const inputs = await signatureOf(plan);
  const bounds = hasIntegers(inputs) ? integerBounds : integerBounds.slice(0, 1);
  let first: Refusal | null = null;
  for (const integersBelow of bounds) {
    const made = makeWorkload({ ...plan, body, inputs, integersBelow });
    const workload = { ...made, headers: { ...made.headers, ...plan.headers } };
    const refusal = await tryOnce(plan.origin, workload);
    if (refusal === null) return { workload, integersBelow: integersBelow === integerBounds[0] ? null : integersBelow };
    first ??= refusal;
    if (!refusal.byInput) break;
  }
  const { message, byInput } = first!;
  throw new TargetError(byInput ? `${message}; give requests that it takes: --body FILE` : message);
}

async function signatureOf(plan: TargetPlan): Promise<InputSignature[]> {
  const path = predictPath({ ...plan, protocol: 'oip' }).replace(/\/infer$/, '');
  const answer = await read(plan, path);
  if (answer.status === 200) return readMetadata(answer.json);
  if (plan.protocol === 'v1') {
    const tensorFlow = await read(plan, `${predictPath(plan).replace(/:predict$/, '')}/metadata`);
    if (tensorFlow.status === 200) return readTensorFlowMetadata(tensorFlow.json);
  }
  throw new TargetError(
    `GET ${plan.origin}${path} answered ${answer.status} ${answer.text.slice(0, 200)}; ` +
      'without metadata give the bodies: --body FILE',
  );
}

async function serverName(plan: TargetPlan): Promise<string | null> {
  const { status, json } = await read(plan, '/v2').catch(() => ({ status: 0, json: null }));
  const { name, version } = (typeof json === 'object' && json !== null ? json : {}) as Record<string, unknown>;
  if (status !== 200 || typeof name !== 'string') return null;
  return typeof version === 'string' ? `${name} ${version}` : name;
}

async function read(plan: TargetPlan, path: string): Promise<{ status: number; text: string; json: unknown }> {
  const answer = await call(plan.origin, path, { headers: plan.headers });
  const text = await answer.text();
  let json: unknown = null;
  try {
    json = JSON.parse(text);
  } catch {
    // The caller that needs JSON reports that it is missing.
  }
  return { status: answer.status, text, json };
}

/** Sends one request, which must be answered 2xx before thousands are sent. @returns null where it was */
async function tryOnce(origin: string, { path, headers, bodies }: Workload): Promise<Refusal | null> {
  const answer = await call(origin, path, { method: 'POST', headers, body: new Uint8Array(bodies[0]!) });
  if (answer.ok) {
    await answer.arrayBuffer();
    return null;
  }
  const said = answer.headers.get('content-type')?.startsWith(mediaTypes.binary) === true ? '' : await answer.text();
  const message = `POST ${origin}${path} answered ${answer.status} ${said.slice(0, 300)}`;
  return { message, byInput: [400, 422, 500].includes(answer.status) };
}

async function call(origin: string, path: string, init: RequestInit): Promise<Response> {
  try {
    return await fetch(`${origin}${path}`, { ...init, signal: AbortSignal.timeout(timeoutMs) });
  } catch (error) {
    const cause = (error as Error).cause;
    const why = cause instanceof Error ? ((cause as NodeJS.ErrnoException).code ?? cause.message) : String(error);
    throw new TargetError(`${origin}${path}: ${why}`, { cause: error });
  }
}
