/**
 * Fields of a `config.pbtxt`, the file by which Triton is told of a model, and what Sluice does with each. Reads text into values with
 * their places; what they mean for the model is in translate.ts.
 *
 * https://github.com/triton-inference-server/common/blob/main/protobuf/model_config.proto
 */
import type { Datatype } from '../../contract/datatypes.ts';
import {
  choice,
  descriptive,
  flag,
  integer,
  many,
  map,
  message,
  messageOf,
  one,
  refused,
  text,
  unobeyed,
  wrong,
  type Message,
  type Reader,
  type Unobeyed,
} from './message.ts';
import { parseTextFormat } from './text-format.ts';

const datatypeNames = 'BOOL UINT8 UINT16 UINT32 UINT64 INT8 INT16 INT32 INT64 FP16 FP32 FP64 STRING BF16'.split(' ');
const datatypeName = choice(['TYPE_INVALID', ...datatypeNames.map((name) => `TYPE_${name}`)]);

/** A datatype by the name that the Open Inference Protocol has for it. */
const datatype: Reader<Datatype> = (value, context) => {
  const name = datatypeName(value, context);
  if (name === 'TYPE_BF16' || name === 'TYPE_INVALID')
    throw wrong(value, 'a datatype that JSON and binary tensors have');
  return (name === 'TYPE_STRING' ? 'BYTES' : name.slice('TYPE_'.length)) as Datatype;
};

const length = integer(-1);
const count = integer(0, 2 ** 31 - 1);
const reshape = message('reshape', { shape: many(length) });
const onlyTensorRt = unobeyed('it is for TensorRT');

const input = message('an input', {
  name: one(text),
  data_type: one(datatype),
  format: descriptive,
  dims: many(length),
  reshape: one(reshape),
  is_shape_tensor: onlyTensorRt,
  allow_ragged_batch: unobeyed('requests share a run only where their rows have one shape'),
  optional: one(flag),
  is_non_linear_format_io: onlyTensorRt,
});

const output = message('an output', {
  name: one(text),
  data_type: one(datatype),
  dims: many(length),
  reshape: one(reshape),
  label_filename: one(text),
  is_shape_tensor: onlyTensorRt,
  is_non_linear_format_io: onlyTensorRt,
});

const versionPolicy = message('version_policy', {
  latest: one(message('latest', { num_versions: one(integer(0, 2 ** 32 - 1)) })),
  all: one(message('all', {})),
  specific: one(message('specific', { versions: many(integer(0)) })),
});

const accelerator = message('an execution accelerator', { name: one(text), parameters: descriptive });
const onlyGpu = unobeyed('it is for GPUs');

const optimization = message('optimization', {
  graph: one(message('graph', { level: one(integer(-1, 2)) })),
  priority: unobeyed('all models have one priority; requests have their own'),
  cuda: onlyGpu,
  execution_accelerators: one(
    message('execution_accelerators', {
      gpu_execution_accelerator: many(accelerator),
      cpu_execution_accelerator: many(accelerator),
    }),
  ),
  input_pinned_memory: onlyGpu,
  output_pinned_memory: onlyGpu,
  gather_kernel_buffer_threshold: onlyGpu,
  eager_batching: unobeyed('the gateway decides when a run starts'),
});

const queuePolicy = message('a queue policy', {
  timeout_action: one(choice(['REJECT', 'DELAY'])),
  default_timeout_microseconds: one(integer(0)),
  allow_timeout_override: one(flag),
  max_queue_size: one(count),
});

const dynamicBatching = message('dynamic_batching', {
  preferred_batch_size: many(integer(1, 2 ** 31 - 1)),
  max_queue_delay_microseconds: one(integer(0)),
  preserve_ordering: one(flag),
  priority_levels: one(integer(0)),
  default_priority_level: one(integer(0)),
  default_queue_policy: one(queuePolicy),
  priority_queue_policy: unobeyed('a pool has one queue policy for all priorities'),
});

const instanceGroup = message('an instance group', {
  name: descriptive,
  kind: one(choice(['KIND_AUTO', 'KIND_GPU', 'KIND_CPU', 'KIND_MODEL'])),
  count: one(count),
  rate_limiter: unobeyed('the gateway holds back what a pod has no room for'),
  gpus: onlyGpu,
  secondary_devices: onlyTensorRt,
  profile: onlyTensorRt,
  passive: unobeyed('every pod serves'),
  host_policy: unobeyed('processors are given out by the cluster'),
});

const warmupInput = message('an input of model_warmup', {
  data_type: one(datatype),
  dims: many(integer(0)),
  zero_data: one(flag),
  random_data: one(flag),
  input_data_file: one(text),
});

const warmup = message('model_warmup', {
  name: one(text),
  batch_size: one(count),
  inputs: map('an entry of inputs', warmupInput),
  count: descriptive,
});

const described = {
  name: one(text),
  platform: one(text),
  backend: one(text),
  runtime: descriptive,
  version_policy: one(versionPolicy),
  max_batch_size: one(count),
  input: many(input),
  output: many(output),
  batch_input: refused('inputs that a server makes of a batch are not supported'),
  batch_output: refused('outputs that a server divides by the requests of a batch are not supported'),
  optimization: one(optimization),
  dynamic_batching: one(dynamicBatching),
  sequence_batching: refused('models that keep state between requests are not supported'),
  ensemble_scheduling: refused('ensembles are not supported: ask the models one after the other, or write a transform'),
  instance_group: many(instanceGroup),
  default_model_filename: one(text),
  cc_model_filenames: unobeyed('one file serves on every machine'),
  metric_tags: unobeyed('metrics have the labels of docs/metrics.md'),
  parameters: map('an entry of parameters', message('a parameter', { string_value: one(text) })),
  model_warmup: many(warmup),
  model_operations: one(message('model_operations', { op_library_filename: many(text) })),
  model_transaction_policy: one(message('model_transaction_policy', { decoupled: one(flag) })),
  model_repository_agents: unobeyed('the repository is read as it lies there'),
  response_cache: unobeyed('answers are not kept'),
  model_metrics: unobeyed('metrics are those of docs/metrics.md'),
};

/** A `config.pbtxt` as it was written. */
export type ConfigPbtxt = Message<typeof described>;
export type PbtxtInput = ReturnType<typeof input>;
export type PbtxtOutput = ReturnType<typeof output>;
export type PbtxtWarmup = ReturnType<typeof warmup>;

/** @throws TextFormatError */
export function readConfigPbtxt(content: string): { readonly config: ConfigPbtxt; readonly unobeyed: Unobeyed[] } {
  const found: Unobeyed[] = [];
  const config = messageOf("Triton's ModelConfig", described, {
    fields: parseTextFormat(content),
    context: { path: '', unobeyed: found },
  });
  return { config, unobeyed: found };
}
