/**
 * The repository extension of the Open Inference Protocol, as Triton has it: what is asked and answered at
 * `POST /v2/repository/index` and `POST /v2/repository/models/M/load` and `…/unload`, of a pod and of a gateway.
 */
import Type from 'typebox';
import type { ServedModel } from './pod-status.ts';

export const IndexRequest = Type.Object({ ready: Type.Optional(Type.Boolean()) });

export const IndexEntry = Type.Object({
  name: Type.String(),
  version: Type.Optional(Type.String()),
  state: Type.Enum(['READY', 'LOADING', 'UNAVAILABLE']),
  /** Why it is not ready; empty if it is. */
  reason: Type.String(),
});
export type IndexEntry = Type.Static<typeof IndexEntry>;

/** Body of load and unload; empty for none. */
export const RepositoryRequest = Type.Object({
  parameters: Type.Optional(Type.Record(Type.String(), Type.Unknown())),
});
export type RepositoryRequest = Type.Static<typeof RepositoryRequest>;
export const RepositoryAction = Type.Enum(['load', 'unload']);
export type RepositoryAction = Type.Static<typeof RepositoryAction>;

export const repositoryPaths = {
  index: '/v2/repository/index',
  load: '/v2/repository/models/:model/load',
  unload: '/v2/repository/models/:model/unload',
} as const;

/** Names by which a server says that it has the extension. */
export const repositoryExtension = 'model_repository';

export function repositoryPath(action: RepositoryAction, model: string): string {
  return `/v2/repository/models/${encodeURIComponent(model)}/${action}`;
}

/** Element of the index for a version at a pod. */
export function indexEntry({ name, version, ready, state, reason }: ServedModel): IndexEntry {
  if (ready) return { name, version, state: 'READY', reason: '' };
  return { name, version, state: state === 'loading' ? 'LOADING' : 'UNAVAILABLE', reason: reason ?? 'not loaded' };
}
