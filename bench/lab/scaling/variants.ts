/**
 * Variants of Sluice's policy with one constant multiplied: copies of its sources, made in .sluice/scaling, that are imported
 * beside it. The policy itself needs no hook for them.
 */
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { PolicyFactory } from '../../simulate/policy.ts';
import { sourcesFrom } from './sources.ts';

/** Number of the policy that stands at the top of a file under a name. */
export interface Constant {
  /** File, from the root. */
  readonly file: string;
  readonly name: string;
}

export interface Variant extends Constant {
  readonly factor: number;
}

const root = path.join(import.meta.dirname, '../../..');
const entry = 'bench/simulate/sluice.ts';
const numeric = /^((?:export )?const (\w+) = )(-?[\d.][\d_.]*(?: \* \w+)?);$/gm;
/** Files whose constants no drawn case meets: they are about reports that fail, growth that gains nothing, and days that recur. */
const unmet = /(?:doubt|gain|merge|mix|observation|seasonal[^/]*|write-conflicts)\.ts$/;

/** @returns names of the numeric constants of a source */
export function constantNames(source: string): string[] {
  return [...source.matchAll(numeric)].map(([, , name]) => name!);
}

/** @returns the source with one constant multiplied */
export function multiplied(source: string, name: string, factor: number): string {
  const changed = source.replace(numeric, (line, before: string, found: string, value: string) =>
    found === name ? `${before}${factor} * (${value});` : line,
  );
  if (changed === source) throw new Error(`no numeric constant ${name}`);
  return changed;
}

/** Constants that a simulated decision may depend on. */
export function policyConstants(): Constant[] {
  return sourcesFrom(root, [entry])
    .filter((file) => file.startsWith('scaler/policy/') && !unmet.test(file))
    .flatMap((file) => constantNames(readFileSync(path.join(root, file), 'utf8')).map((name) => ({ file, name })));
}

export async function variantPolicy({ file, name, factor }: Variant): Promise<PolicyFactory> {
  const texts = sourcesFrom(root, [entry]).map((source) => {
    const text = readFileSync(path.join(root, source), 'utf8');
    return [source, source === file ? multiplied(text, name, factor) : text] as const;
  });
  const hash = createHash('sha256').update(JSON.stringify(texts)).digest('hex').slice(0, 16);
  const folder = path.join(root, '.sluice/scaling/variants', hash);
  for (const [source, text] of texts) {
    mkdirSync(path.dirname(path.join(folder, source)), { recursive: true });
    writeFileSync(path.join(folder, source), text);
  }
  const module = (await import(path.join(folder, entry))) as { readonly sluice: PolicyFactory };
  return module.sluice;
}
