/**
 * Runs the parts of `npm run check`: the linter, which takes as long as all others, beside them. A part that fails stops no other; what
 * it says is printed whole, as it ends.
 */
import { spawn } from 'node:child_process';
import process from 'node:process';

const turns = [['check:lint'], ['check:types', 'check:format', 'check:unused']];

/** @returns whether it passed */
function check(part: string): Promise<boolean> {
  const startedMs = performance.now();
  const child = spawn('npm', ['run', '--silent', part], { stdio: ['ignore', 'pipe', 'pipe'] });
  const output: Buffer[] = [];
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (piece: Buffer) => output.push(piece));
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => {
      const seconds = ((performance.now() - startedMs) / 1000).toFixed(1);
      console.log(`${Buffer.concat(output).toString()}${code === 0 ? '✔' : '✖'} ${part}  (${seconds} s)`);
      resolve(code === 0);
    });
  });
}

const passed = await Promise.all(
  turns.map(async (parts) => {
    let all = true;
    for (const part of parts) all = (await check(part)) && all;
    return all;
  }),
);
process.exitCode = passed.every((all) => all) ? 0 : 1;
