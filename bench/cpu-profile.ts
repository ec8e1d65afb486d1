/** Where the time of a V8 CPU profile went, within a window of the machine's monotonic clock. Pure. */

/** The parts of a `.cpuprofile` that are read here. */
export interface CpuProfile {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number };
    readonly children?: readonly number[];
  }[];
  /** Microseconds of the monotonic clock. */
  readonly startTime: number;
  readonly samples: readonly number[];
  /** Microseconds since the sample before, of the first since `startTime`. */
  readonly timeDeltas: readonly number[];
}

export interface Window {
  readonly fromUs: number;
  readonly toUs: number;
}

export interface FunctionTime {
  /** `name file:line`. */
  readonly name: string;
  readonly selfUs: number;
  /** With everything that it called, each moment once even if it calls itself. */
  readonly totalUs: number;
}

export interface ProfileSummary {
  /** The most self time first, idle time left out. */
  readonly functions: readonly FunctionTime[];
  readonly busyUs: number;
  readonly idleUs: number;
}

export function summarize(profile: CpuProfile, { fromUs, toUs }: Window): ProfileSummary {
  const names = new Map(profile.nodes.map(({ id, callFrame }) => [id, nameOf(callFrame)]));
  const parents = new Map<number, number>();
  for (const { id, children = [] } of profile.nodes) for (const child of children) parents.set(child, id);
  const stacks = new Map<number, readonly string[]>();
  const stackOf = (id: number): readonly string[] => {
    let stack = stacks.get(id);
    if (stack === undefined) {
      const own = new Set<string>();
      for (let at: number | undefined = id; at !== undefined; at = parents.get(at)) own.add(names.get(at)!);
      stack = [...own];
      stacks.set(id, stack);
    }
    return stack;
  };

  const self = new Map<string, number>();
  const total = new Map<string, number>();
  let busyUs = 0;
  let idleUs = 0;
  let nowUs = profile.startTime;
  profile.samples.forEach((id, index) => {
    nowUs += profile.timeDeltas[index]!;
    if (nowUs < fromUs || nowUs > toUs) return;
    // A sample stands for the time until the next one.
    const tookUs = profile.timeDeltas[index + 1] ?? 0;
    const name = names.get(id)!;
    if (name === '(idle)') {
      idleUs += tookUs;
      return;
    }
    busyUs += tookUs;
    self.set(name, (self.get(name) ?? 0) + tookUs);
    for (const above of stackOf(id)) total.set(above, (total.get(above) ?? 0) + tookUs);
  });
  const functions = [...total]
    .map(([name, totalUs]) => ({ name, selfUs: self.get(name) ?? 0, totalUs }))
    .sort((one, other) => other.selfUs - one.selfUs);
  return { functions, busyUs, idleUs };
}

function nameOf({ functionName, url, lineNumber }: CpuProfile['nodes'][number]['callFrame']): string {
  const name = functionName === '' ? '(anonymous)' : functionName;
  if (url === '') return name;
  const path = url.replace(/^file:\/\//, '').split('/');
  return `${name} ${path.slice(-3).join('/')}:${lineNumber + 1}`;
}
