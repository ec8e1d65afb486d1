/** Room for the answer of a request, taken at its client before the request is sent: a client that takes no answers gets no more work done. */
import type { PendingRequest } from './model-queue.ts';

/** Takes room for a request's answer, unless it has some. @returns false if there is none at its client */
export function takeAnswerRoom(request: PendingRequest): boolean {
  const { answerRoom } = request;
  if (answerRoom === undefined || request.answerBytes > 0) return true;
  const bytes = request.modelQueue.expectedAnswerBytes(request);
  if (!answerRoom.takeAnswerRoom(bytes, request.answerTurn)) return false;
  request.answerBytes = bytes;
  return true;
}
