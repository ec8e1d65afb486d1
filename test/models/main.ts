/**
 * `npm run test:models`: some sixty models of other people's libraries, served without configuration and compared with ONNX Runtime
 * in Python, one by one and many at once, JSON and binary, beyond maxRows. Makes the models in a Python environment outside
 * the tree, which later runs use again; --write puts the table into docs/models.md.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
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
}

interface Row extends Checked {
  readonly unbatchedReason: string | null;
  /** Mean rows of a run, over the whole check. */
  readonly rowsARun: number;
}

const here = (name: string) => fileURLToPath(new URL(name, import.meta.url));
const folder = here('../../.sluice/models');
const page = here('../../docs/models.md');

const command = new Command('npm run test:models --')
  .description('Compares the answers of some sixty real models with ONNX Runtime in Python.')
  .argument('[models...]', 'names of models (default: all)')
  .option('--requests <n>', 'requests a model, asked once alone and twice among others', whole(1), 51)
  .option('--write', 'write the table into docs/models.md')
  .exitOverride(exitAfterUsage)
  .parse();
const { requests, write } = command.opts<{ requests: number; write?: true }>();

const cleanup = new Cleanup();
try {
  const python = path.join(
    await pythonEnvironment('models', here('requirements.txt'), { leastMinor: 11, cleanup, say: console.log }),
    'bin/python',
  );
  if (!existsSync(path.join(folder, 'corpus.json'))) {
    console.log(`making the models in ${folder}`);
    await run(python, [here('make_models.py'), folder], (line) => console.log(`  ${line}`));
  }
  const rows = await check(python, command.args);
  const right = rows.reduce((sum, row) => sum + row.right, 0);
  const asked = rows.reduce((sum, row) => sum + row.asked, 0);
  console.log(`${right} of ${asked} answers of ${rows.length} models were right`);
  if (write === true) await writeTable(rows, `${right} of ${asked}`);
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
    onLine: (line) => {
      if (!line.includes('"model is loaded"')) return;
      const { model, unbatchedReason } = JSON.parse(line) as { model: string; unbatchedReason: string | null };
      reasons.set(model, unbatchedReason);
    },
  });
  const rows: Row[] = [];
  try {
    await run(python, [here('check_models.py'), system.origin, folder, String(requests), ...names], (line) => {
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

async function writeTable(rows: readonly Row[], total: string): Promise<void> {
  const corpus = JSON.parse(await readFile(path.join(folder, 'corpus.json'), 'utf8')) as Record<
    string,
    { note: string }
  >;
  const lines = rows.map(({ model, right, asked, unbatchedReason, rowsARun }) => {
    const note = corpus[model]?.note ?? '';
    const batched = unbatchedReason === null ? 'yes' : `no: ${unbatchedReason}`;
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
