/** One envelope straight to a pod, as a gateway sends it: for measurements of what single runs take. */
import {
  appendFrame,
  FrameDecoder,
  type AnswerHead,
  type ItemHead,
  type SummaryHead,
} from '../../../contract/envelope.ts';
import { mediaTypes, paths } from '../../../contract/headers.ts';
import { authorizationOf } from '../../../contract/shared-secret.ts';
import { labSecret } from './lab-secret.ts';

export interface EnvelopeItem {
  readonly head: Omit<ItemHead, 'index' | 'deadlineMs'>;
  readonly body: Buffer;
}

export interface EnvelopeAnswer {
  readonly answers: readonly AnswerHead[];
  readonly summary: SummaryHead;
}

const deadlineMs = 60_000;

/** @throws Error unless each item was answered with status 200 */
export async function sendEnvelope(origin: string, items: readonly EnvelopeItem[]): Promise<EnvelopeAnswer> {
  const parts: Buffer[] = [];
  for (const [index, { head, body }] of items.entries()) appendFrame(parts, { ...head, index, deadlineMs }, [body]);
  const response = await fetch(`${origin}${paths.envelope}`, {
    method: 'POST',
    headers: { 'content-type': mediaTypes.envelope, authorization: authorizationOf(labSecret) },
    body: Buffer.concat(parts),
  });
  const answers: AnswerHead[] = [];
  let summary: SummaryHead | null = null;
  const decoder = new FrameDecoder({ maxBodyBytes: 2 ** 30 });
  for (const { head, body } of decoder.push(Buffer.from(await response.arrayBuffer()))) {
    const parsed = JSON.parse(head.toString()) as AnswerHead | SummaryHead;
    if ('runs' in parsed) {
      summary = parsed;
      continue;
    }
    if (parsed.status !== 200)
      throw new Error(`item ${parsed.index} was answered ${parsed.status}: ${body.toString()}`);
    answers.push(parsed);
  }
  if (summary === null || answers.length !== items.length) throw new Error('the pod answered the envelope in part');
  return { answers, summary };
}
