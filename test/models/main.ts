/**
 * `npm run test:models`: some sixty models of other people's libraries, served without configuration and compared with ONNX Runtime
 * in Python, one by one and many at once, JSON and binary, beyond maxRows. Makes the models in a Python environment outside
 * the tree, which later runs use again; --write puts the table into docs/models.md. --tabular asks for tables in plain JSON instead,
 * and compares with what the models' own libraries predict.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { Command } from 'commander';
import { Cleanup } from '../../bench/lab/rig/cleanup.ts';
import { pythonEnvironment } from '../../bench/lab/rig/python-environment.ts';
import { whole } from '../../runtime/process/flag-values.ts';
import { exitAfterUsage } from '../../runtime/process/usage.ts';
import { startSystem } from '../support/system.ts';

interface Checked {
  readonly model: string;
  readonly asked: number;
  readonly right: number;
  readonly problems: readonly string[];
  /** Description of a tabular model. */
  readonly note?: string;
}

interface Row extends Checked {
  readonly unbatchedReason: string | null;
  /** Mean rows of a run, over the whole check. */
  readonly rowsARun: number;
}

const here = (name: string) => fileURLToPath(new URL(name, import.meta.url));
const page = here('../../docs/models.md');

const command = new Command('npm run test:models --')
  .description('Compares the answers of some sixty real models with ONNX Runtime in Python.')
  .argument('[models...]', 'names of models (default: all)')
  .option('--requests <n>', 'requests a model, asked once alone and twice among others', whole(1), 51)
  .option('--tabular', 'compare tabular models, asked in plain JSON, with what their own libraries predict')
  .option('--write', 'write the table into docs/models.md')
  .exitOverride(exitAfterUsage)
  .parse();
const { requests, tabular, write } = command.opts<{ requests: number; tabular?: true; write?: true }>();

const folder = here(tabular === true ? '../../.sluice/tabular' : '../../.sluice/models');
const cleanup = new Cleanup();
try {
  const python = path.join(
    await pythonEnvironment('models', here('requirements.txt'), { leastMinor: 11, cleanup, say: console.log }),
    'bin/python',
  );
  const [making, listed] = tabular === true ? ['make_tabular.py', 'tabular.json'] : ['make_models.py', 'corpus.json'];
  if (!existsSync(path.join(folder, listed))) {
    console.log(`making the models in ${folder}`);
    await run(python, [here(making), folder], (line) => console.log(`  ${line}`));
  }
  const rows = await check(python, command.args);
  const right = rows.reduce((sum, row) => sum + row.right, 0);
  const asked = rows.reduce((sum, row) => sum + row.asked, 0);
  console.log(`${right} of ${asked} answers of ${rows.length} models were right`);
  if (write === true && tabular === true) await writeTabular(rows, `${right} of ${asked}`);
  else if (write === true) await writeTable(rows, `${right} of ${asked}`);
  if (right < asked || asked === 0) process.exitCode = 1;
} catch (error) {
  console.error(`test:models: ${(error as Error).message}`);
  process.exitCode = 1;
} finally {
  await cleanup.stopAll();
}

async function check(python: string, names: readonly string[]): Promise<Row[]> {
  const reasons = new Map<string, string | null>();
  const system = await startSystem(['--repository', folder], {
    env: await localeOfTexts(),
    onLine: (line) => {
      if (!line.includes('"model is loaded"')) return;
      const { model, unbatchedReason } = JSON.parse(line) as { model: string; unbatchedReason: string | null };
      reasons.set(model, unbatchedReason);
    },
  });
  const rows: Row[] = [];
  try {
    const checking = tabular === true ? [here('check_tabular.py')] : [here('check_models.py')];
    const further = tabular === true ? [] : [String(requests), ...names];
    await run(python, [...checking, system.origin, folder, ...further], (line) => {
      const checked = JSON.parse(line) as Checked;
      rows.push({ ...checked, unbatchedReason: reasons.get(checked.model) ?? null, rowsARun: 0 });
      console.log(`${checked.model}: ${checked.right} of ${checked.asked} right ${checked.problems.join('; ')}`);
    });
    const metrics = await system.metrics();
    return rows.map((row) => {
      const labels = { model: row.model };
      const runs = metrics.value('sluice_batch_rows_count', labels);
      return { ...row, rowsARun: metrics.value('sluice_batch_rows_sum', labels) / runs };
    });
  } finally {
    await system.stop();
  }
}

/** Text pipelines need en_US.UTF-8: a machine without it gets it in a folder of its own, where localedef is there to make it. */
async function localeOfTexts(): Promise<Record<string, string>> {
  if (tabular !== true) return {};
  const locales = path.join(folder, '..', 'locales');
  await mkdir(locales, { recursive: true });
  await run('localedef', ['-i', 'en_US', '-f', 'UTF-8', path.join(locales, 'en_US.UTF-8')], console.log).catch(
    (error: unknown) => console.log(`no en_US.UTF-8 can be made here: ${String(error)}`),
  );
  return existsSync(path.join(locales, 'en_US.UTF-8')) ? { LOCPATH: locales } : {};
}

/** Text for a cell of a table, whatever lines and bars it has. */
function cell(text: string): string {
  return text.trim().replace(/\s+/g, ' ').replaceAll('|', '\\|');
}

async function writeTabular(rows: readonly Row[], total: string): Promise<void> {
  const lines = rows.map(({ model, note, right, asked, unbatchedReason }) => {
    const batched = unbatchedReason === null ? 'yes' : `no: ${cell(unbatchedReason)}`;
    return `| ${model} | ${note ?? ''} | ${right} of ${asked} | ${batched} |`;
  });
  const table = ['| model | what it is | right | batched |', '| --- | --- | --- | --- |', ...lines];
  const text = await readFile(page, 'utf8');
  const [head, , tail] = text.split(/<!-- \/?tabular -->/);
  const body = `${table.join('\n')}\n\n${total} answers were right.`;
  await writeFile(page, `${head!}<!-- tabular -->\n\n${body}\n\n<!-- /tabular -->${tail!}`);
}

async function writeTable(rows: readonly Row[], total: string): Promise<void> {
  const corpus = JSON.parse(await readFile(path.join(folder, 'corpus.json'), 'utf8')) as Record<
    string,
    { note: string }
  >;
  const lines = rows.map(({ model, right, asked, unbatchedReason, rowsARun }) => {
    const note = corpus[model]?.note ?? '';
    const batched = unbatchedReason === null ? 'yes' : `no: ${cell(unbatchedReason)}`;
    return `| ${model} | ${note} | ${right} of ${asked} | ${batched} | ${rowsARun.toFixed(1)} |`;
  });
  const table = ['| model | what it is | right | batched | rows a run |', '| --- | --- | --- | --- | --- |', ...lines];
  const text = await readFile(page, 'utf8');
  const [head] = text.split('<!-- table -->');
  await writeFile(page, `${head!}<!-- table -->\n\n${table.join('\n')}\n\n${total} answers were right.\n`);
}

/** Runs a program to its end. @throws Error where it fails */
async function run(program: string, args: readonly string[], onLine: (line: string) => void): Promise<void> {
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const tracked = await cleanup.track({ stop: () => void child.kill() });
  createInterface({ input: child.stdout }).on('line', onLine);
  const [status] = (await once(child, 'close')) as [number | null];
  await cleanup.stop(tracked);
  if (status !== 0) throw new Error(`${path.basename(args[0] ?? program)} ended with ${String(status)}`);
}
