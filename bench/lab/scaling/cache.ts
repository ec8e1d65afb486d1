/**
 * Results of former runs, by what they depend on: the job, its trace, and the text of the code that computes it. Only Sluice depends on
 * the scaling policy, so that a change to it leaves everything else as it was.
 */
import { createHash } from 'node:crypto';
import { appendFileSync, existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import type { Job, Result } from './contenders.ts';

const root = path.join(import.meta.dirname, '../../..');
const folder = path.join(root, '.sluice/scaling');
const file = path.join(folder, 'results.jsonl');

const gateway = ['admit', 'alarm', 'batch', 'cost', 'pick', 'wait'].map((name) => `gateway/policy/${name}.ts`);
const model = ['engine', 'station', 'run-ends', 'random', 'trace', 'capacity'].map(
  (name) => `bench/simulate/${name}.ts`,
);
const all = [...model, 'bench/lab/scaling/cases.ts'];
/** Where nothing is refused, admission decides nothing. */
const unshed = gateway.filter((name) => !name.endsWith('/admit.ts') && !name.endsWith('/wait.ts'));
const baselines = ['bench/simulate/tune.ts', 'bench/simulate/contenders.ts', ...sourcesIn('bench/simulate/baselines')];

function sourcesOf(job: Job): readonly string[] {
  return [`bench/traces/${job.of.trace}.csv`, ...codeOf(job)];
}

function codeOf({ contender }: Job): readonly string[] {
  switch (contender.kind) {
    case 'clairvoyant':
      return [...all, ...unshed, 'bench/simulate/clairvoyant.ts'];
    case 'sluice':
      return [...all, ...gateway, 'bench/simulate/sluice.ts', ...sourcesIn('scaler/policy')];
    case 'fixed':
      return [...all, ...gateway];
    case 'baseline':
      return [...all, ...gateway, ...baselines];
  }
}

function sourcesIn(where: string): string[] {
  const names = readdirSync(path.join(root, where)).filter((name) => /(?<!\.test)\.ts$/.test(name));
  return names.sort().map((name) => `${where}/${name}`);
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
    return `${JSON.stringify(job)} ${this.#hash(sourcesOf(job))}`;
  }

  #hash(sources: readonly string[]): string {
    const name = sources.join();
    let hash = this.#hashes.get(name);
    if (hash === undefined) {
      const text = sources.map((source) => code(readFileSync(path.join(root, source), 'utf8'))).join('\0');
      hash = createHash('sha256').update(text).digest('hex').slice(0, 16);
      this.#hashes.set(name, hash);
    }
    return hash;
  }
}

/** Comments and layout compute nothing. */
function code(text: string): string {
  return text
    .replace(/\/\*[^]*?\*\//g, '')
    .replace(/^\s*\/\/.*$/gm, '')
    .replace(/\s+/g, ' ');
}
