/**
 * Reads why the process of a pod does not run, and since when, from the pod's status. The kubelet tells most of it as the state of
 * a container, which alternates while it tries again: reasons here stay the same over the tries, so that nothing made of them flaps.
 */
import type { PodFailure } from '../../contract/scaler-api.ts';
import { explainExit, nextErrorText, type ErrorText } from '../local/log-lines.ts';
import { conditionOf, timeMs, type ContainerStatus, type PodObject, type Terminated } from './objects.ts';

const maxMessageLength = 300;
/** Bytes of the end of a log that the kubelet takes for a termination message. */
const longestLogBytes = 2048;
/** Exit code to which a container's runtime adds the signal that has ended the process. */
const leastSignalExit = 128;

/** Exits of one container after which a further start is a loop, whether or not the kubelet backs off just now. */
const loopExits = 2;

/** States of a container that starts as it should. */
const startingStates: ReadonlySet<string> = new Set(['ContainerCreating', 'PodInitializing']);

/** The kubelet's words for one fault at different moments, by the one that is kept. */
const sameFault: Readonly<Record<string, string>> = { ErrImagePull: 'ImagePullBackOff' };

/** @param before failure of the same pod when it was last read, whose start time and words hold while the reason is the same */
export function failureOf(pod: PodObject, isReady: boolean, before: PodFailure | null): PodFailure | null {
  if (isReady || pod.metadata?.deletionTimestamp !== undefined) return null;
  const found = ofContainers(pod) ?? ofScheduling(pod);
  if (found === null) return null;
  const message = found.message.slice(0, maxMessageLength);
  if (before?.reason !== found.reason) return { ...found, message };
  // "Back-off pulling image" says less than the error of the pull itself.
  const kept = message.startsWith('Back-off') && before.message !== '' ? before.message : message;
  return { ...found, message: kept, sinceMs: before.sinceMs ?? found.sinceMs };
}

/** Text of the last exit that was a failure, of any container; null without one. */
export function lastExitOf(pod: PodObject): string | null {
  const { initContainerStatuses = [], containerStatuses = [] } = pod.status ?? {};
  for (const { state, lastState } of [...initContainerStatuses, ...containerStatuses]) {
    const text = exitText(state?.terminated ?? lastState?.terminated);
    if (text !== null) return text;
  }
  return null;
}

/** Exit in words, with the last error that the process wrote; null for no exit, or a good one. */
export function exitText(ended: Terminated | undefined): string | null {
  if (ended === undefined || (ended.exitCode === 0 && ended.reason === 'Completed')) return null;
  const exit = ended.reason === 'OOMKilled' ? 'out of memory (OOMKilled)' : `exit code ${ended.exitCode ?? 'unknown'}`;
  return explainExit(exit, lastError(ended));
}

/**
 * The error in a termination message, which may be the last lines of the log. An error that was logged before a signal ended the process
 * has been survived, and is not why; a fatal one, or what the runtime itself wrote, is.
 */
function lastError({ message = '', exitCode = 0 }: Terminated): ErrorText | null {
  const lines = message.split('\n');
  // The kubelet cuts the log somewhere in a line, and what is left of that one explains nothing.
  if (Buffer.byteLength(message) >= longestLogBytes && lines.length > 1) lines.shift();
  let error: ErrorText | null = null;
  for (const line of lines) {
    if (exitCode > leastSignalExit && nextErrorText(null, line, 'stderr')?.weight === 'error') continue;
    error = nextErrorText(error, line, 'stderr');
  }
  return error;
}

function ofContainers(pod: PodObject): PodFailure | null {
  const { initContainerStatuses = [], containerStatuses = [] } = pod.status ?? {};
  const since = unreadySinceMs(pod);
  for (const container of initContainerStatuses) {
    const failure = ofContainer(container, since);
    if (failure !== null) return { ...failure, message: `init container ${container.name ?? ''}: ${failure.message}` };
  }
  for (const container of containerStatuses) {
    const failure = ofContainer(container, since);
    if (failure !== null) return failure;
  }
  return null;
}

function ofContainer({ state, lastState, restartCount = 0 }: ContainerStatus, unreadyMs: number | null) {
  const ended = state?.terminated ?? lastState?.terminated;
  const exit = exitText(ended);
  const { reason: waiting, message = '' } = state?.waiting ?? {};
  if (exit !== null) {
    const sinceMs = timeMs(ended?.finishedAt) || unreadyMs;
    const looping = waiting === 'CrashLoopBackOff' || restartCount >= loopExits;
    if (ended?.reason === 'OOMKilled') return { reason: 'OOMKilled', message: exit, sinceMs };
    if (looping) return { reason: 'CrashLoopBackOff', message: exit, sinceMs };
    if (waiting === undefined || startingStates.has(waiting)) return { reason: 'Restarting', message: exit, sinceMs };
  }
  if (waiting === undefined || startingStates.has(waiting)) return null;
  return { reason: sameFault[waiting] ?? waiting, message, sinceMs: unreadyMs };
}

function ofScheduling(pod: PodObject): PodFailure | null {
  const scheduled = conditionOf(pod.status?.conditions, 'PodScheduled');
  if (scheduled?.status !== 'False') return null;
  const { reason = 'Unschedulable', message = '' } = scheduled;
  return { reason, message, sinceMs: timeMs(scheduled.lastTransitionTime) || unreadySinceMs(pod) };
}

/** Time since when the pod is not ready; null if nothing says. */
function unreadySinceMs({ metadata, status }: PodObject): number | null {
  const ready = conditionOf(status?.conditions, 'Ready');
  return timeMs(ready?.lastTransitionTime) || timeMs(metadata?.creationTimestamp) || null;
}
