/** Summary of a V8 CPU profile: time by function and by area, within a window of the monotonic clock. Pure. */

export interface CallFrame {
  readonly functionName: string;
  /** URL of the script; '' for a built-in function. */
  readonly url: string;
  readonly lineNumber: number;
}

/** Fields of a `.cpuprofile` that are read here. */
export interface CpuProfile {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: CallFrame;
    readonly children?: readonly number[];
  }[];
  /** Start by the monotonic clock, µs. */
  readonly startTime: number;
  readonly samples: readonly number[];
  /** Microseconds from each sample to the next; the first is from `startTime`. */
  readonly timeDeltas: readonly number[];
}

export interface ProfileWindow {
  readonly fromUs: number;
  readonly toUs: number;
}

export interface FunctionTime {
  /** Function and place: `name file:line`. */
  readonly name: string;
  readonly selfUs: number;
  /** Time of the function and everything that it called; recursion counts once. */
  readonly totalUs: number;
}

export interface ProfileSummary {
  /** Functions by self time, longest first; idle time left out. */
  readonly functions: readonly FunctionTime[];
  /** Self time by area, longest first. */
  readonly areas: readonly { readonly name: string; readonly selfUs: number }[];
  readonly busyUs: number;
  readonly idleUs: number;
}

export function summarize(profile: CpuProfile, { fromUs, toUs }: ProfileWindow): ProfileSummary {
  const names = new Map(profile.nodes.map(({ id, callFrame }) => [id, nameOf(callFrame)]));
  const areas = new Map(profile.nodes.map(({ id, callFrame }) => [id, areaOf(callFrame)]));
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
  const byArea = new Map<string, number>();
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
    byArea.set(areas.get(id)!, (byArea.get(areas.get(id)!) ?? 0) + tookUs);
    self.set(name, (self.get(name) ?? 0) + tookUs);
    for (const above of stackOf(id)) total.set(above, (total.get(above) ?? 0) + tookUs);
  });
  const functions = [...total]
    .map(([name, totalUs]) => ({ name, selfUs: self.get(name) ?? 0, totalUs }))
    .sort((one, other) => other.selfUs - one.selfUs);
  const areasByTime = [...byArea]
    .map(([name, selfUs]) => ({ name, selfUs }))
    .sort((one, other) => other.selfUs - one.selfUs);
  return { functions, areas: areasByTime, busyUs, idleUs };
}

const socketWrites = /^write(v|Buffer|\w+String)$/;

/** Area of a function: a package, a room of the repository, or a part of Node: `fastify`, `gateway/`, `writes to sockets`. */
export function areaOf({ functionName, url }: CallFrame): string {
  if (functionName === '(garbage collector)') return 'garbage collection';
  if (functionName === '(program)') return 'Node outside of JavaScript';
  if (url === '') return socketWrites.test(functionName) ? 'writes to sockets' : 'built-in functions';
  if (url.startsWith('node:')) return 'JavaScript of Node: HTTP, streams, timers';
  const dependency = /\/node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(url);
  if (dependency !== null) return dependency[1]!;
  const room = /^.*\/(bench|cli|cluster|contract|gateway|models|scaler)\//.exec(url);
  return room === null ? url : `${room[1]}/`;
}

function nameOf({ functionName, url, lineNumber }: CallFrame): string {
  const name = functionName === '' ? '(anonymous)' : functionName;
  if (url === '') return name;
  const path = url.replace(/^file:\/\//, '').split('/');
  return `${name} ${path.slice(-3).join('/')}:${lineNumber + 1}`;
}
