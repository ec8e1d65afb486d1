/** GET routes that describe the server and its models in the forms that protocol clients expect. */
import type { FastifyInstance } from 'fastify';
import { envelopeExtension, paths } from '../../contract/headers.ts';
import { repositoryExtension } from '../../contract/repository.ts';
import { route } from '../../runtime/http/routes.ts';
import type { PodState } from '../pod-state.ts';
import type { ServedModel } from '../repository/served-model.ts';
import type { ModelStatistics } from '../statistics.ts';
import type { TensorSignature } from '../tensor.ts';
import type { ModelSet } from '../repository/model-set.ts';

export function infoRoutes(app: FastifyInstance, pod: PodState, version: string): void {
  const { models } = pod;
  const get = (path: string, answer: () => object) => {
    route(app, path, { right: 'observe', GET: (_request, reply) => reply.send(answer()) });
  };
  const getOfModel = (suffix: string, answer: (model: ServedModel) => object) => {
    for (const path of ['/v2/models/:model', '/v2/models/:model/versions/:version']) {
      route(app, `${path}${suffix}`, {
        right: 'observe',
        GET: (request, reply) => {
          const { model, version: asked } = request.params as { model: string; version?: string };
          return reply.send(answer(models.find(model, asked)));
        },
      });
    }
  };

  get('/v2', () => serverMetadata(version));
  get('/v2/health/live', () => ({ live: true }));
  route(app, paths.ready, {
    right: 'observe',
    GET: (_request, reply) => {
      const { notReadyReason: error } = pod;
      return error === null ? reply.send({ ready: true }) : reply.code(503).send({ ready: false, error });
    },
  });
  getOfModel('', (model) => modelMetadata(models, model));
  getOfModel('/ready', ({ name }) => ({ name, ready: true }));
  getOfModel('/config', modelConfiguration);
  getOfModel('/stats', (model) => ({ model_stats: [modelStatistics(model)] }));
  get('/v2/models/stats', () => ({ model_stats: [...models.ready()].map(modelStatistics) }));
  get('/v1/models', () => ({ models: models.names }));
}

function serverMetadata(version: string): object {
  return {
    name: 'sluice',
    version,
    extensions: [
      envelopeExtension,
      'binary_tensor_data',
      'classification',
      'model_configuration',
      repositoryExtension,
      'statistics',
      'parameters',
    ],
  };
}

/** Metadata of a model. If it has a transform, the transform's tensors are listed, and the file's are parameters. */
function modelMetadata(models: ModelSet, model: ServedModel): object {
  const [shown] = model.surfaces;
  const outputMetadata = (output: TensorSignature) => {
    const labels = model.labelsOf(output.name);
    return labels === undefined ? metadataOf(output) : { ...metadataOf(output), parameters: { labels } };
  };
  const native =
    model.transform === null
      ? {}
      : {
          native_inputs: model.signature.inputs.map(metadataOf),
          native_outputs: model.signature.outputs.map(outputMetadata),
        };
  const unserved = unservedVersions(models, model.name);
  const parameters = {
    ...native,
    ...(unserved.length === 0 ? {} : { unserved_versions: Object.fromEntries(unserved) }),
  };
  return {
    name: model.name,
    versions: models.versionsOf(model.name),
    platform: 'onnxruntime_onnx',
    inputs: shown!.inputs.map(metadataOf),
    outputs: shown!.outputs.map(model.transform === null ? outputMetadata : metadataOf),
    ...(Object.keys(parameters).length === 0 ? {} : { parameters }),
  };
}

/** Versions that are not served, and new content of those that are, each with the reason. */
function unservedVersions(models: ModelSet, name: string): [version: string, reason: string][] {
  return models
    .status()
    .filter((model) => model.name === name)
    .flatMap(({ version, ready, reason, next }): [string, string][] => {
      if (!ready) return [[version, reason ?? 'not loaded']];
      return next?.reason === undefined ? [] : [[version, `its new content is not served: ${next.reason}`]];
    });
}

/** A tensor of any shape says so: the protocol has no shape for it, and its empty one is a scalar's. */
function metadataOf({ name, datatype, shape, anyShape }: TensorSignature): object {
  return { name, datatype, shape, ...(anyShape === true && { parameters: { shape: 'any' } }) };
}

/** Configuration of a model in Triton's form, where dims leave out the batch axis and max_batch_size 0 means unbatched. */
function modelConfiguration(model: ServedModel): object {
  const { inputs, outputs } = model.surfaces[0]!;
  // Triton's form can express a batch only on the first axis of every tensor.
  const sharesRuns =
    model.unbatchedReason === null && [...inputs, ...outputs].every(({ batchAxis }) => batchAxis === 0);
  const written = model.transform === null ? (model.client?.maxBatchSize ?? null) : null;
  // Clients go by what a config.pbtxt says of the shapes of requests, whether or not these share runs.
  const batched = written === null ? sharesRuns : written > 0;
  const tensor = ({ name, datatype, shape }: TensorSignature) => ({
    name,
    data_type: datatype === 'BYTES' ? 'TYPE_STRING' : `TYPE_${datatype}`,
    dims: batched ? shape.slice(1) : shape,
  });
  return {
    name: model.name,
    platform: 'onnxruntime_onnx',
    backend: 'onnxruntime',
    version_policy: { latest: { num_versions: 1 } },
    max_batch_size: written ?? (batched ? model.maxRequestRows : 0),
    input: inputs.map((input) => ({ ...tensor(input), format: 'FORMAT_NONE' })),
    output: outputs.map(tensor),
    instance_group: [{ name: model.name, kind: 'KIND_CPU', count: 1 }],
    default_model_filename: 'model.onnx',
    parameters: { batching: { string_value: batchingText(model) } },
    ...(batched && sharesRuns ? { dynamic_batching: { preferred_batch_size: [model.maxRows] } } : {}),
  };
}

/** Whether requests share runs, and if not, why, in one line. */
function batchingText({ unbatchedReason, maxRows }: ServedModel): string {
  return unbatchedReason === null ? `batched: up to ${maxRows} rows a run` : `not batched: ${unbatchedReason}`;
}

/** Statistics of a model in Triton's form, with durations in nanoseconds. */
function modelStatistics(model: ServedModel): object {
  const { statistics: s } = model;
  const failed = Object.values(s.failures).reduce((sum, count) => sum + count, 0);
  const duration = (count: number, us: number) => ({ count, ns: Math.round(us * 1000) });
  return {
    name: model.name,
    version: model.version,
    last_inference: s.lastInferenceMs,
    inference_count: s.inferenceCount,
    execution_count: s.executionCount,
    inference_stats: {
      success: duration(s.success, s.requestUs),
      fail: duration(failed, s.failedUs),
      queue: duration(s.success, s.queueUs),
      compute_input: duration(s.success, s.computeInputUs),
      compute_infer: duration(s.success, s.computeInferUs),
      compute_output: duration(s.success, s.computeOutputUs),
      cache_hit: duration(0, 0),
      cache_miss: duration(0, 0),
    },
    response_stats: {},
    batch_stats: batchStatistics(s),
    memory_usage: [],
  };
}

function batchStatistics({ batches }: ModelStatistics): object[] {
  return [...batches]
    .sort(([a], [b]) => a - b)
    .map(([rows, { count, computeInputUs, computeInferUs, computeOutputUs }]) => ({
      batch_size: rows,
      compute_input: { count, ns: Math.round(computeInputUs * 1000) },
      compute_infer: { count, ns: Math.round(computeInferUs * 1000) },
      compute_output: { count, ns: Math.round(computeOutputUs * 1000) },
    }));
}
