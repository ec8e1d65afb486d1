/** Whether an answer is one that the contract allows for what was sent. */
import type { Answer } from '../support/requests.ts';
import { wrongAnswer, type Languages } from './answers.ts';
import type { RequestInput } from './input.ts';

/** Refusals for load, by the message that docs/errors.md gives for each. */
const explained = [
  /is full: it holds \d+ requests? \(\d+ bytes\).*, of at most/,
  /take \d+ bytes while they arrive/,
  /predicted to be longer/,
  /became ready within|no pod of pool|is loading|is not ready/,
  /the pod holds \d+ bytes of requests, its limit/,
];

/** @returns the reason of a 503 that has a known one */
export function explanationOf(answer: Answer): string | null {
  return answer.status === 503 ? (explained.find((pattern) => pattern.test(answer.text))?.source ?? null) : null;
}

/** @returns what is wrong with an error's body */
export function wrongError({ status, text }: Answer): string | null {
  let error: unknown;
  try {
    const parsed = JSON.parse(text) as Record<string, unknown>;
    // Admin ports answer by problem details (RFC 9457).
    error = parsed['error'] ?? parsed['detail'];
    if (parsed['error'] !== undefined && Object.keys(parsed).length > 1)
      return `${status} with more than its error: ${text.slice(0, 200)}`;
  } catch {
    return `${status} without JSON: ${JSON.stringify(text.slice(0, 200))}`;
  }
  if (typeof error !== 'string' || error.length < 5) return `${status} without a reason: ${text.slice(0, 200)}`;
  return error.length < 1000 ? null : `${status} with a reason of ${error.length} characters`;
}

const refusals = [400, 404, 405, 413, 415];

/** @returns what is wrong; null if nothing is */
export function wrongResponse(input: RequestInput, answer: Answer, languages: Languages): string | null {
  const { path, headers, body, valid } = input;
  if (answer.status === 200) {
    const sent = {
      path,
      body,
      contentEncoding: headers['content-encoding'],
      inferenceHeaderLength: headers['inference-header-content-length'],
    };
    return wrongAnswer(sent, answer, languages);
  }
  if (explanationOf(answer) !== null) return null;
  if (valid) return `a valid request was answered ${answer.status}: ${answer.text.slice(0, 300)}`;
  if (!refusals.includes(answer.status)) return `answered ${answer.status}: ${answer.text.slice(0, 300)}`;
  return wrongError(answer);
}
