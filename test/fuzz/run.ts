/** A fuzz run: sends so many inputs, many at once, judges every answer, and measures what memory stays. */
import { kinds, type Input, type Kind } from './input.ts';
import { makeInput } from './make-input.ts';
import { growthBeyond, type Memory } from './memory.ts';
import { Neighbour } from './neighbour.ts';
import type { Target } from './target.ts';

export interface FuzzOptions {
  readonly seed: number;
  /** Inputs to send; fewer if the time is up first. */
  readonly inputs: number;
  readonly limitMs: number;
  readonly only: Kind | null;
  /** Called about every five seconds. */
  readonly onProgress?: (sent: number, perSecond: number) => void;
}

export interface Finding {
  readonly index: number;
  readonly input: Input;
  readonly problem: string;
}

export interface FuzzReport {
  readonly sent: number;
  readonly seconds: number;
  readonly byKind: Readonly<Record<Kind, number>>;
  /** Inputs by kind and the status of their first answer. */
  readonly statuses: ReadonlyMap<string, number>;
  readonly findings: readonly Finding[];
  /** Failures that no single input explains: an ended process, a failed neighbour, grown memory, errors in the log. */
  readonly failures: readonly string[];
  readonly neighbourSent: number;
  readonly resent: number;
  /** Memory after each tenth. */
  readonly memory: readonly (readonly Memory[])[];
}

/** Inputs on their way at once. */
const width = 160;
const mostFindings = 20;
const memoryShare = 0.1;
/** Fewest inputs after whose first tenth the code of every process is compiled, so that its memory can be compared. */
const leastForMemory = 50_000;

export async function fuzz(target: Target, options: FuzzOptions): Promise<FuzzReport> {
  const { seed, inputs, limitMs, only, onProgress } = options;
  const startMs = performance.now();
  const running = processesOf(target);
  const neighbour = new Neighbour(target.system.origin, 50);
  const byKind = Object.fromEntries(kinds.map((kind) => [kind, 0])) as Record<Kind, number>;
  const statuses = new Map<string, number>();
  const findings: Finding[] = [];
  let next = 0;
  let sent = 0;
  const goesOn = (): boolean => findings.length < mostFindings && performance.now() - startMs < limitMs;
  const loop = async (end: number): Promise<void> => {
    while (next < end && goesOn()) {
      const index = next++;
      const input = makeInput(seed, index, only);
      const { status, problem } = await target.run(input);
      sent += 1;
      byKind[input.kind] += 1;
      const key = `${input.kind} ${status ?? 'none'}`;
      statuses.set(key, (statuses.get(key) ?? 0) + 1);
      if (problem !== null) findings.push({ index, input, problem });
    }
  };
  const sendUntil = (end: number): Promise<unknown> => Promise.all(Array.from({ length: width }, () => loop(end)));

  let lastSent = 0;
  const progress = setInterval(() => {
    onProgress?.(sent, (sent - lastSent) / 5);
    lastSent = sent;
  }, 5_000);
  const measures = inputs >= leastForMemory;
  const memory: Memory[][] = [];
  for (let tenth = 1; tenth < 10; tenth += 1) {
    await sendUntil(Math.floor((tenth * inputs) / 10));
    if (measures) memory.push(await target.memory.read(target.system));
  }
  await sendUntil(inputs);
  clearInterval(progress);
  await neighbour.end();
  const seconds = (performance.now() - startMs) / 1000;
  if (measures) memory.push(await target.memory.read(target.system));

  const failures = [
    ...neighbour.failures.map((text) => `a good neighbour's request: ${text}`),
    ...target.errors.map((line) => `an error in the log: ${line.slice(0, 500)}`),
    ...(measures ? growthBeyond(memoryShare, memory[0]!, memory.at(-1)!) : []),
  ];
  const now = processesOf(target);
  if (now !== running) failures.push(`processes have ended: ${running} before, ${now} after`);
  return {
    sent,
    seconds,
    byKind,
    statuses,
    findings,
    failures,
    neighbourSent: neighbour.sent,
    resent: target.resent,
    memory,
  };
}

function processesOf({ system }: Target): string {
  return [...system.pidsOf('gateway'), ...system.pidsOf('scaler'), ...system.podPids()].join();
}
