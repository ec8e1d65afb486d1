/** The scripts of `sluice completion` in the real shells: what each offers for a line that is not finished. */
import assert from 'node:assert/strict';
import { execFile, execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, describe, test } from 'node:test';
import { promisify } from 'node:util';
import { buildProgram } from '../../cli/program.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'sluice-completion-'));
after(() => rmSync(folder, { recursive: true }));
const run = promisify(execFile);

/** Path of the script for a shell. */
async function scriptFor(shell: string): Promise<string> {
  let script = '';
  await buildProgram({ env: {}, print: (text) => (script += text) }).parseAsync(['completion', shell], {
    from: 'user',
  });
  const file = path.join(folder, shell);
  writeFileSync(file, script);
  return file;
}

/** Completions of the line by each shell, as its user sees them. */
const completed: Readonly<Record<string, (script: string, line: string) => Promise<string>>> = {
  bash: async (script, line) => {
    const words = line.split(' ');
    const ask = `source ${script}; COMP_WORDS=(${words.map((word) => `'${word}'`).join(' ')}); COMP_CWORD=${words.length - 1}; _sluice; echo "\${COMPREPLY[@]}"`;
    return (await run('bash', ['--norc', '-c', ask])).stdout;
  },
  fish: async (script, line) =>
    (await run('fish', ['--no-config', '-c', `source ${script}; complete -C '${line}'`])).stdout,
  // A terminal of its own, and the key itself: zsh completes nowhere else. The line becomes an argument of `:` before it is run.
  zsh: async (script, line) => {
    const typed = `zmodload zsh/zpty
zpty shell zsh -f -i
zpty -w shell "PS1=; autoload -U compinit; compinit -u -D; source ${script}; setopt no_always_last_prompt; echo READY-$((1 + 1))"
zpty -r shell out '*READY-2*'
zpty -w -n shell $'${line}\\t\\C-a: ""\\C-e'
zpty -w shell '; echo END-$((1 + 1))'
zpty -r shell out '*END-2*'
print -r -- "$out"`;
    return (await run('zsh', ['-f', '-c', typed], { timeout: 60_000 })).stdout;
  },
};

describe('a shell completes', () => {
  for (const [shell, complete] of Object.entries(completed)) {
    test(shell, { concurrency: true }, async (t) => {
      if (!isInstalled(shell)) {
        assert.ok(process.env['CI'] === undefined, `CI has to have ${shell}`);
        return t.skip(`${shell} is not installed`);
      }
      const script = await scriptFor(shell);
      assert.match(await complete(script, 'sluice up --rep'), /--repository\b/);
      // zsh runs the script of bash, and takes a second to start.
      if (shell === 'zsh') return;
      assert.match(await complete(script, 'sluice mod'), /\bmodel-server\b/);
      assert.match(await complete(script, 'sluice up --log-format js'), /\bjson\b/);
      assert.match(await complete(script, 'sluice completion z'), /\bzsh\b/);
    });
  }
});

function isInstalled(shell: string): boolean {
  try {
    execFileSync(shell, ['--version']);
    return true;
  } catch {
    return false;
  }
}
