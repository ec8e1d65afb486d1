/** Rows of a pod's list of models: one for each content that it has under each number. */
import { versionIdOf, type VersionId, type VersionState } from '../../contract/model-versions.ts';
import type { ServedModel } from '../../contract/pod-status.ts';

type ListedModel = Pick<ServedModel, 'name' | 'version' | 'ready' | 'isDefault'> &
  Partial<Pick<ServedModel, 'hash' | 'state' | 'reason' | 'isPreferred' | 'next'>>;

export interface PodVersions {
  readonly uid: string;
  readonly name: string;
  /** Changes with each process of the pod. */
  readonly process: string;
  /** How the process before ended, in words, if it crashed: nobody told it to end. */
  readonly crash?: string | undefined;
  /** Memory that it may take; undefined where nothing limits it. */
  readonly memoryBytes?: number | undefined;
  /** Whether the cluster calls it ready, and it neither drains nor ends. */
  readonly votes: boolean;
  /** Null while the process has not told. */
  readonly models: readonly ListedModel[] | null;
  /** Whether the list is from its start: what it found since then is missing. */
  readonly isStarting?: boolean;
}

/** Whether a pod has told what it has: a list from its start says nothing of what it lacks once it serves. */
export function hasTold({ models, isStarting = false }: PodVersions): boolean {
  return models !== null && !isStarting;
}

export interface VersionRow {
  readonly pod: PodVersions;
  readonly id: VersionId;
  readonly state: VersionState;
  readonly reason: string | undefined;
  readonly preferred: boolean;
}

/** Rows of a model at a pod. */
export function rowsOf(pod: PodVersions, name: string): VersionRow[] {
  return (pod.models ?? []).flatMap((model) => (model.name === name ? contentsOf(pod, model) : []));
}

/** A version, and other content that the pod has found under its number. */
function contentsOf(pod: PodVersions, model: ListedModel): VersionRow[] {
  const own = rowOf(pod, model);
  const { name, version, isDefault, isPreferred, next } = model;
  if (next === undefined) return [own];
  const preferred = isPreferred === undefined ? {} : { isPreferred };
  return [own, rowOf(pod, { name, version, ready: false, isDefault, ...preferred, ...next })];
}

function rowOf(pod: PodVersions, model: ListedModel): VersionRow {
  return {
    pod,
    id: versionIdOf(model),
    state: model.ready ? 'ready' : (model.state ?? 'loading'),
    reason: model.ready ? undefined : model.reason,
    preferred: model.isPreferred ?? model.isDefault,
  };
}
