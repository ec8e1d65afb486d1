import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, describe, test } from 'node:test';
import { SettingsError } from '../contract/settings.ts';
import { simulateCommand } from './simulate.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'sluice-simulate-'));
after(() => rmSync(folder, { recursive: true }));
const trace = path.join(folder, 'arrivals.csv');
writeFileSync(trace, Array.from({ length: 300 }, (_, index) => index * 40).join('\n'));

async function simulate(...args: readonly string[]): Promise<string> {
  let printed = '';
  const command = simulateCommand({ print: (text) => (printed += text) }).exitOverride();
  command.configureOutput({ writeErr: () => undefined });
  await command.parseAsync(['--trace', trace, ...args], { from: 'user' });
  return printed;
}

describe('sluice simulate', () => {
  test('--json, of the policies asked for, tuned or not; --svg beside it', async () => {
    const svg = path.join(folder, 'x.svg');
    const args = ['--rate-scale', '2', '--cost-ms', '50,20', '--cold-start-s', '3', '--policy', 'hpa,sluice'];
    const report = JSON.parse(await simulate(...args, '--tune-on', trace, '--json', '--svg', svg)) as {
      coldStartSeconds: number;
      policies: { policy: string; tuned: boolean; offered: number }[];
    };
    assert.equal(report.coldStartSeconds, 3);
    assert.deepEqual(
      report.policies.map(({ policy, tuned, offered }) => [policy, tuned, offered]),
      [
        ['hpa', true, 600],
        ['sluice', false, 600],
      ],
    );
    assert.match(readFileSync(svg, 'utf8'), /^<svg /);
  });

  test('the same seed prints the same', async () => {
    assert.equal(await simulate('--rate-scale', '3'), await simulate('--rate-scale', '3'));
  });

  for (const [args, message] of [
    [['--rate-scale', '0'], /'--rate-scale <K>' argument '0' is invalid.*above 0/],
    [['--cost-ms', '20'], /'--cost-ms <a,c>' argument '20' is invalid.*two numbers/],
    [['--policy', 'hpa,vpa'], /'--policy <names>' argument 'hpa,vpa' is invalid.*"vpa" is none of/],
    [['--max-replicas', '1.5'], /'--max-replicas <n>' argument '1.5' is invalid.*whole number from 1/],
    [['--min-replicas', '5', '--max-replicas', '4'], /--min-replicas 5 is above --max-replicas 4/],
    [['--tune-on', '/none.csv'], /--tune-on .*\/none\.csv/],
    [['--rate-scale', '0.000001'], /--rate-scale 0\.000001 leaves/],
  ] as const) {
    test(args.join(' '), () => assert.rejects(simulate(...args), message));
  }

  test('a bad trace is a usage mistake, with line and value', async () => {
    const bad = path.join(folder, 'bad.csv');
    writeFileSync(bad, '1\n2\nx\n');
    await assert.rejects(
      simulate('--trace', bad),
      new SettingsError([`--trace ${bad}, line 3: "x" is not a time in milliseconds`]),
    );
  });
});
