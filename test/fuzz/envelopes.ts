/** Envelopes at a pod's port, whole and broken, and whether their answers are right item by item. */
import { mediaTypes, paths } from '../../contract/headers.ts';
import type { Answer } from '../support/requests.ts';
import type { Languages } from './answers.ts';
import type { Chance } from './chance.ts';
import { validRequest } from './grammar.ts';
import type { RequestInput } from './input.ts';
import { mutate, mutateBody } from './mutate.ts';
import { wrongResponse } from './verdict.ts';

const deadlineMs = 20_000;

/** @param valid whether all of it is in order; else the bytes of an item, of a head or of a frame are not */
export function envelopeInput(chance: Chance, valid: boolean): RequestInput {
  const frames = Array.from({ length: chance.between(1, chance.oneIn(10) ? 12 : 4) }, (_, index) => {
    const body = chance.oneIn(3) ? 'binary' : 'json';
    const request = validRequest(chance, body);
    const item = !valid && chance.oneIn(3) ? mutate(chance, request) : request;
    return frameOf(chance, index, item, valid);
  });
  let body: Buffer = Buffer.concat(valid ? frames : wrongOrder(chance, frames));
  if (!valid && chance.oneIn(3)) body = mutateBody(chance, body);
  const contentType = !valid && chance.oneIn(40) ? chance.pick(['', 'application/json', 'x/y']) : mediaTypes.envelope;
  return {
    kind: 'envelopes',
    port: 'pod',
    path: paths.envelope,
    headers: { 'content-type': contentType },
    body,
    valid,
  };
}

function wrongOrder(chance: Chance, frames: Buffer[]): Buffer[] {
  if (!chance.oneIn(6)) return frames;
  // A frame twice has its index twice.
  return chance.oneIn(2) ? [...frames, chance.pick(frames)] : chance.shuffled(frames);
}

function frameOf(chance: Chance, index: number, { path, headers, body }: RequestInput, valid: boolean): Buffer {
  const protocol = path.startsWith('/v1/') ? 'v1' : 'oip';
  const model = decodeURIComponentOr(/models\/([^/:]*)/.exec(path)?.[1] ?? '');
  const head: Record<string, unknown> = { index, model, protocol, deadlineMs };
  if (path.includes('/versions/')) head['version'] = path.includes('/versions/1/') ? '1' : '9';
  for (const [field, header] of itemFields) if (headers[header] !== undefined) head[field] = headers[header];
  let json: Buffer = Buffer.from(JSON.stringify(head));
  const fault = valid ? 7 : chance.int(8);
  if (fault === 0) {
    const wrong = chance.pick<object>([
      { index: -1 },
      { index: 1.5 },
      { index: 2 ** 53 },
      { index: '0' },
      { model: '' },
      { model: '__proto__' },
      { model: 7 },
      { version: '' },
      { version: '01' },
      { protocol: 'v3' },
      { deadlineMs: -1 },
      { deadlineMs: 0 },
      { deadlineMs: '1' },
      { deadlineMs: 1e308 },
      { deadlineMs: null },
      { contentEncoding: 'br' },
      { contentType: 'x'.repeat(70_000) },
      { requestId: '\n' },
      { traceparent: 'x' },
      { inferenceHeaderLength: '5' },
      { x: {} },
    ]);
    json = Buffer.from(JSON.stringify({ ...head, ...wrong }));
  } else if (fault === 1) {
    json = mutateBody(chance, json);
  }
  const lengths = Buffer.alloc(8);
  lengths.writeUInt32LE(json.length, 0);
  lengths.writeUInt32LE(body.length, 4);
  if (!valid && chance.oneIn(20))
    lengths.writeUInt32LE(chance.pick([0, 1, 65_537, 2 ** 31, 2 ** 32 - 1, body.length + 1]), chance.pick([0, 4]));
  return Buffer.concat([lengths, json, body]);
}

const itemFields = [
  ['contentType', 'content-type'],
  ['contentEncoding', 'content-encoding'],
  ['inferenceHeaderLength', 'inference-header-content-length'],
  ['traceparent', 'traceparent'],
  ['requestId', 'x-request-id'],
] as const;

function decodeURIComponentOr(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

interface Frame {
  readonly head: Readonly<Record<string, unknown>>;
  readonly body: Buffer;
}

/** Frames up to the first that can't be read, and whether that was the end. */
function framesOf(bytes: Buffer): { frames: Frame[]; whole: boolean } {
  const frames: Frame[] = [];
  for (let at = 0; at < bytes.length;) {
    if (bytes.length - at < 8) return { frames, whole: false };
    const [headLength, bodyLength] = [bytes.readUInt32LE(at), bytes.readUInt32LE(at + 4)];
    const bodyStart = at + 8 + headLength;
    if (bytes.length < bodyStart + bodyLength) return { frames, whole: false };
    try {
      const head = JSON.parse(bytes.toString('utf8', at + 8, bodyStart)) as Frame['head'];
      frames.push({ head, body: bytes.subarray(bodyStart, bodyStart + bodyLength) });
    } catch {
      return { frames, whole: false };
    }
    at = bodyStart + bodyLength;
  }
  return { frames, whole: true };
}

/** @returns what is wrong with the answer to an envelope; null if nothing is */
export function wrongEnvelope(input: RequestInput, answer: Answer, languages: Languages): string | null {
  if (answer.status !== 200) return wrongResponse(input, answer, languages);
  const sent = framesOf(input.body);
  const got = framesOf(answer.body);
  if (!got.whole) return 'the answer is no envelope';
  const summary = got.frames.at(-1)?.head;
  const hasSummary = summary !== undefined && Array.isArray(summary['runs']);
  if (!hasSummary && sent.whole && input.valid) return 'the answer has no summary';
  const answered = hasSummary ? got.frames.slice(0, -1) : got.frames;
  // The first item of an index may be answered before a second one comes, which ends the envelope.
  const left = new Map(sent.frames.toReversed().map((frame) => [frame.head['index'], frame]));
  for (const { head, body } of answered) {
    const item = left.get(head['index']);
    if (item === undefined) return `an answer to item ${JSON.stringify(head['index'])}, which was not asked, or twice`;
    left.delete(head['index']);
    const wrong = wrongItem(item, head, body, { input, languages });
    if (wrong !== null) return `item ${JSON.stringify(head['index'])}: ${wrong}`;
  }
  return hasSummary && left.size > 0 ? `${left.size} items have no answer` : null;
}

function wrongItem(
  item: Frame,
  head: Frame['head'],
  body: Buffer,
  { input, languages }: { readonly input: RequestInput; readonly languages: Languages },
): string | null {
  const status = head['status'] as number;
  const limit = item.head['deadlineMs'];
  if (status === 504 && !input.valid && typeof limit === 'number' && limit < deadlineMs / 4) return null;
  const headers: Record<string, string> = {};
  for (const [field, header] of itemFields)
    if (typeof item.head[field] === 'string') headers[header] = item.head[field];
  const model = encodeURIComponent(String(item.head['model']));
  const path = item.head['protocol'] === 'v1' ? `/v1/models/${model}:predict` : `/v2/models/${model}/infer`;
  const length = head['inferenceHeaderLength'] as number | undefined;
  const answer: Answer = {
    status,
    headers: length === undefined ? {} : { 'inference-header-content-length': String(length) },
    body,
    text: body.toString(),
  };
  const kind = 'json' as const;
  return wrongResponse({ kind, port: 'pod', path, headers, body: item.body, valid: input.valid }, answer, languages);
}
