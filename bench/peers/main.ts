/** `npm run bench:peers -- NAME … [--quick] [--write]`: other servers measured in turns with Sluice. */
import { writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { startLoadGenerator } from '../load.ts';
import { describeMachine } from '../machine.ts';
import { Running } from '../running.ts';
import { renderLines, renderRun } from '../scenarios/render.ts';
import { helpText, parsePeersCommand, type PeersCommand } from './args.ts';
import { compare, how } from './compare.ts';
import { environmentOf } from './environment.ts';
import { peers } from './peers.ts';

const names = peers.map(({ name }) => name);
const running = new Running();
try {
  const command = parsePeersCommand(process.argv.slice(2), names);
  if (command.kind === 'help') process.stdout.write(helpText(names));
  else await run(command);
} catch (error) {
  say(`bench:peers: ${(error as Error).message}`);
  process.exitCode = 1;
} finally {
  await running.stopAll();
}

async function run({ names, quick, write }: Extract<PeersCommand, { kind: 'run' }>): Promise<void> {
  const load = await running.start(startLoadGenerator());
  for (const peer of peers.filter(({ name }) => names.includes(name))) {
    const requirements = fileURLToPath(new URL(`${peer.name}/requirements.txt`, import.meta.url));
    const programs = await environmentOf(peer.name, requirements, { running, say });
    say(`${peer.name}: Sluice and ${peer.title} in turns`);
    const beganMs = performance.now();
    const outcome = await compare({ quick, load, running, say }, peer, programs);
    const tookS = Math.round((performance.now() - beganMs) / 1000);
    process.stdout.write(`\nSluice ÷ ${peer.title}, ${tookS} s\n\n${renderLines(outcome.lines)}\n\n`);
    if (!write) continue;
    const name = `peer-${peer.name}`;
    const text = renderRun({
      scenario: { name, title: `Sluice ÷ ${peer.title}`, how },
      ...{ outcome, tookS },
      command: `npm run bench:peers -- ${peer.name}${quick ? ' --quick' : ''}`,
      machine: describeMachine().trim(),
    });
    await writeFile(new URL(`../results/${name}.md`, import.meta.url), text);
    say(`bench/results/${name}.md`);
  }
}

function say(what: string): void {
  process.stderr.write(`${what}\n`);
}
