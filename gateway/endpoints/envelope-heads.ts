/** Heads of envelope frames: made for requests that leave, checked in answers that come. */
import type { AnswerHead, ItemHead, RunReport, SummaryHead } from '../../contract/envelope.ts';
import type { PendingRequest } from '../queue/model-queue.ts';

export function itemHead(request: PendingRequest, index: number, nowMs: number): ItemHead {
  const head: ItemHead = {
    index,
    model: request.model,
    protocol: request.protocol,
    deadlineMs: Math.max(0, request.deadlineAtMs - nowMs),
  };
  if (request.version !== undefined) head.version = request.version;
  else if (request.resolved !== null) {
    head.version = request.resolved.version;
    if (request.resolved.hash !== undefined) head.hash = request.resolved.hash;
  }
  if (request.contentType !== undefined) head.contentType = request.contentType;
  if (request.contentEncoding !== undefined) head.contentEncoding = request.contentEncoding;
  if (request.inferenceHeaderLength !== undefined) head.inferenceHeaderLength = request.inferenceHeaderLength;
  head.requestId = request.id;
  if (request.traceparent !== undefined) head.traceparent = request.traceparent;
  return head;
}

/** Checked by hand, once per request: the compiled schema would cost as much as the parse. */
export function isAnswer(head: unknown): head is AnswerHead {
  if (typeof head !== 'object' || head === null) return false;
  const { index, status, contentType, rows, run, runRows, rowElements, inferenceHeaderLength } =
    head as Partial<AnswerHead>;
  return (
    isCount(index) &&
    isCount(status) &&
    status >= 200 &&
    status <= 599 &&
    typeof contentType === 'string' &&
    isCount(rows) &&
    Number.isSafeInteger(run) &&
    (runRows === undefined || isCount(runRows)) &&
    (rowElements === undefined || isSize(rowElements)) &&
    (inferenceHeaderLength === undefined || isCount(inferenceHeaderLength))
  );
}

export function isSummary(head: unknown): head is SummaryHead {
  if (typeof head !== 'object' || head === null || !('runs' in head)) return false;
  const { runs, queuedRows, inFlight, draining, unbatched, watching } = head as Partial<SummaryHead>;
  return (
    Array.isArray(runs) &&
    runs.every(isRun) &&
    isCount(queuedRows) &&
    isCount(inFlight) &&
    typeof draining === 'boolean' &&
    (unbatched === undefined || isCount(unbatched)) &&
    (watching === undefined || typeof watching === 'boolean')
  );
}

function isRun(run: unknown): run is RunReport {
  if (typeof run !== 'object' || run === null) return false;
  const { rows, ownRows, queueUs, occupiedUs, rowElements } = run as Partial<RunReport>;
  return (
    isCount(rows) &&
    isCount(ownRows) &&
    Number.isFinite(queueUs) &&
    Number.isFinite(occupiedUs) &&
    (rowElements === undefined || isSize(rowElements))
  );
}

function isSize(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value) && value >= 1;
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}
