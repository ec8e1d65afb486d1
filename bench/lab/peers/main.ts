/** `npm run bench:peers -- NAME …`: other servers measured in turns with Sluice. */
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { Argument, Command } from 'commander';
import { exitAfterUsage } from '../../../runtime/process/usage.ts';
import { startLoadGenerator } from '../rig/load.ts';
import { describeMachine } from '../../load-test/machine.ts';
import { pythonEnvironment } from '../rig/python-environment.ts';
import { Cleanup } from '../rig/cleanup.ts';
import { renderLines, renderRun } from '../scenarios/render.ts';
import { compareWithPeer, how } from './compare.ts';
import { peers } from './peers.ts';

interface Flags {
  readonly quick?: boolean;
  readonly write?: boolean;
}

const names = [...peers.map(({ name }) => name), 'all'];
const command = new Command('npm run bench:peers --')
  .description(
    'Measures Sluice and another server in turns (A B A B) on this machine: the same models, rows, cores and load. Needs ' +
      'Python 3.11 or newer with venv, and the network when a peer is run for the first time: its pinned packages go into a ' +
      'virtual environment in $XDG_CACHE_HOME/sluice/python (~/.cache without it).',
  )
  .usage('[options] <peers...>')
  .addArgument(new Argument('[peers...]', 'which').choices(names))
  .option('--quick', 'two short rounds, for a look')
  .option('--write', 'write bench/results/peer-NAME.md')
  .exitOverride(exitAfterUsage)
  .parse();
const asked = command.args;
if (asked.length === 0) command.error(`error: missing peer. Allowed choices are ${names.join(', ')}.`);
const chosen = peers.filter(({ name }) => asked.includes(name) || asked.includes('all'));

const cleanup = new Cleanup();
try {
  await run(command.opts<Flags>());
} catch (error) {
  say(`bench:peers: ${(error as Error).message}`);
  process.exitCode = 1;
} finally {
  await cleanup.stopAll();
}

async function run({ quick = false, write = false }: Flags): Promise<void> {
  const load = await cleanup.track(startLoadGenerator());
  for (const peer of chosen) {
    const requirements = fileURLToPath(new URL(`${peer.name}/requirements.txt`, import.meta.url));
    const environment = await pythonEnvironment(peer.name, requirements, { leastMinor: 11, cleanup, say });
    say(`${peer.name}: Sluice and ${peer.title} in turns`);
    const beganMs = performance.now();
    const result = await compareWithPeer({ quick, load, cleanup, say }, peer, path.join(environment, 'bin'));
    const tookS = Math.round((performance.now() - beganMs) / 1000);
    process.stdout.write(`\nSluice ÷ ${peer.title}, ${tookS} s\n\n${renderLines(result.lines)}\n\n`);
    if (!write) continue;
    const name = `peer-${peer.name}`;
    const text = renderRun({
      scenario: { name, title: `Sluice ÷ ${peer.title}`, how },
      result,
      tookS,
      command: `npm run bench:peers -- ${peer.name}${quick ? ' --quick' : ''}`,
      machine: describeMachine().trim(),
    });
    await writeFile(new URL(`../../results/${name}.md`, import.meta.url), text);
    say(`bench/results/${name}.md`);
  }
}

function say(what: string): void {
  process.stderr.write(`${what}\n`);
}
