/** Fields of a `config.pbtxt` that are obeyed for some of their values, and not for those that are found here. Pure. */
import type { ConfigPbtxt } from './config-pbtxt.ts';
import type { Placed, Unobeyed } from './message.ts';
import type { Place } from './text-tokens.ts';

export function unobeyedValues(config: ConfigPbtxt): Unobeyed[] {
  const found: Unobeyed[] = [];
  const add = (field: string, { line }: Place, why: string) => found.push({ field, line, why });
  for (const { value: group } of config.instance_group) {
    const { kind, count } = group;
    if (count !== null && count.value > 1) {
      add('instance_group.count', count.at, `a pod runs one batch at a time: ${count.value} pods run as many`);
    }
    if (kind?.value === 'KIND_GPU') {
      add(
        'instance_group.kind',
        kind.at,
        'it runs on the CPU; runtime.executionProviders of config.yaml asks for another',
      );
    }
  }
  const accelerators = config.optimization?.value.execution_accelerators?.value;
  for (const kind of ['gpu_execution_accelerator', 'cpu_execution_accelerator'] as const) {
    for (const { value, at } of accelerators?.[kind] ?? []) {
      const name = value.name?.value ?? '';
      const why = `'${name}' is not used; runtime.executionProviders of config.yaml asks for another provider`;
      add(`optimization.execution_accelerators.${kind}`, at, why);
    }
  }
  const batching = config.dynamic_batching?.value;
  const policy = batching?.default_queue_policy?.value;
  const ifMore = (field: string, given: Placed<number> | null | undefined, why: string) => {
    if ((given?.value ?? 0) > 0) add(`dynamic_batching.${field}`, given!.at, why);
  };
  const ofPool = 'priorities are those of the pool, 1 to 9: spec.requests';
  const deadlines = 'deadlines are those of the pool and of requests: spec.requests.timeoutMs';
  ifMore(
    'max_queue_delay_microseconds',
    batching?.max_queue_delay_microseconds,
    'the gateway learns how long waiting pays',
  );
  ifMore('priority_levels', batching?.priority_levels, ofPool);
  ifMore('default_priority_level', batching?.default_priority_level, ofPool);
  ifMore('default_queue_policy.default_timeout_microseconds', policy?.default_timeout_microseconds, deadlines);
  ifMore(
    'default_queue_policy.max_queue_size',
    policy?.max_queue_size,
    'the queue is that of the pool: spec.requests.maxQueued',
  );
  const delays = policy?.timeout_action;
  if (delays?.value === 'DELAY') {
    add(
      'dynamic_batching.default_queue_policy.timeout_action',
      delays.at,
      'a request past its deadline is answered 504',
    );
  }
  const ordering = batching?.preserve_ordering;
  if (ordering?.value === true) {
    add('dynamic_batching.preserve_ordering', ordering.at, 'each answer has a connection of its own');
  }
  return found;
}
