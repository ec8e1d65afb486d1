/**
 * Cached simulation results, keyed by job, trace and the text of the code that computes them. Only Sluice's results
 * depend on the scaler's policy, so a change of the policy simulates Sluice alone again.
 */
import { createHash } from 'node:crypto';
import { appendFileSync, existsSync, mkdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { traceFile } from './cases.ts';
import type { Contender, Job, Result } from './contenders.ts';
import { sourcesFrom } from './sources.ts';

const root = path.join(import.meta.dirname, '../../..');
const folder = path.join(root, '.sluice/scaling');
const file = path.join(folder, 'results.jsonl');

const everySimulation = ['bench/simulate/engine.ts', 'bench/lab/scaling/cases.ts'];
/** Admission and its wait prediction decide nothing where nothing is refused, as for the clairvoyant. */
const admission = ['gateway/policy/admit.ts', 'gateway/policy/wait.ts'];

/** Files whose text decides the job's result. */
export function sourcesOf({ of, contender }: Job): readonly string[] {
  const traces = of.source.kind === 'family' ? [] : [traceFile(of.source.trace)];
  return [...traces, ...codeOf(contender)];
}

function codeOf(contender: Contender): readonly string[] {
  switch (contender.kind) {
    case 'clairvoyant':
      return codeFrom('bench/simulate/clairvoyant.ts', 'bench/simulate/lower-bound.ts').filter(
        (file) => !admission.includes(file),
      );
    case 'oracle':
      return codeFrom('bench/simulate/reactive-oracle.ts');
    case 'sluice':
    case 'variant':
      return codeFrom('bench/simulate/sluice.ts');
    case 'season':
      return codeFrom('bench/simulate/sluice.ts', 'bench/lab/scaling/calm-hours-clock.ts');
    case 'before':
      return codeFrom('bench/lab/scaling/before.ts');
    case 'baseline':
      return codeFrom('bench/simulate/tune.ts', 'bench/simulate/contenders.ts');
  }
}

function codeFrom(...entries: readonly string[]): readonly string[] {
  return sourcesFrom(root, [...everySimulation, ...entries]);
}

export class Cache {
  readonly #known = new Map<string, Result>();
  readonly #hashes = new Map<string, string>();

  constructor() {
    mkdirSync(folder, { recursive: true });
    if (!existsSync(file)) return;
    for (const line of readFileSync(file, 'utf8').split('\n')) {
      if (line === '') continue;
      const { key, result } = JSON.parse(line) as { key: string; result: Result };
      this.#known.set(key, result);
    }
  }

  get(job: Job): Result | undefined {
    return this.#known.get(this.#key(job));
  }

  set(job: Job, result: Result): void {
    const key = this.#key(job);
    this.#known.set(key, result);
    appendFileSync(file, `${JSON.stringify({ key, result })}\n`);
  }

  #key(job: Job): string {
    return `${JSON.stringify(job)} ${this.#hash(job)}`;
  }

  #hash(job: Job): string {
    const { source } = job.of;
    const name = `${job.contender.kind} ${source.kind === 'family' ? '' : source.trace}`;
    let hash = this.#hashes.get(name);
    if (hash === undefined) {
      const text = sourcesOf(job)
        .map((source) => code(readFileSync(path.join(root, source), 'utf8')))
        .join('\0');
      hash = createHash('sha256').update(text).digest('hex').slice(0, 16);
      this.#hashes.set(name, hash);
    }
    return hash;
  }
}

/** Code without comments and layout, which change no result. */
function code(text: string): string {
  return text
    .replace(/\/\*[^]*?\*\//g, '')
    .replace(/^\s*\/\/.*$/gm, '')
    .replace(/\s+/g, ' ');
}
