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
  test('--json reports the requested policies, tuned or not; --svg also draws them', async () => {
    const svg = path.join(folder, 'x.svg');
    const args = ['--rate-scale', '2', '--cost-ms', '50,20', '--cold-start-s', '3', '--policy', 'hpa,sluice'];
    const report = JSON.parse(await simulate(...args, '--tune-on', trace, '--json', '--svg', svg)) as {
      coldStartSeconds: number;
      policies: { policy: string; tuned: boolean; offered: number }[];
    };
    assert.equal(report.coldStartSeconds, 3);
    const offered = report.policies[0]!.offered;
    assert.ok(Math.abs(offered - 600) < 5 * Math.sqrt(600), `${offered}`);
    assert.deepEqual(
      report.policies.map((one) => [one.policy, one.tuned, one.offered]),
      [
        ['hpa', true, offered],
        ['sluice', false, offered],
      ],
    );
    assert.match(readFileSync(svg, 'utf8'), /^<svg /);
  });

  test('equal seeds print equal results', async () => {
    assert.equal(await simulate('--rate-scale', '3'), await simulate('--rate-scale', '3'));
  });

  const pool = (spec: string): string => {
    const file = path.join(folder, 'pool.yaml');
    writeFileSync(
      file,
      `apiVersion: sluice.dev/v1alpha1\nkind: ModelPool\nmetadata: { name: one }\nspec: { models: [one], ${spec} }\n`,
    );
    return file;
  };

  test('--pool sets bounds, objective and caps; flags take precedence', async () => {
    const limits =
      'objective: { latencyMs: 400 }, batching: { maxRows: 8 }, scaling: { minReplicas: 2, maxReplicas: 3 }';
    const same = ['--objective-ms', '400', '--max-rows', '8', '--min-replicas', '2', '--max-replicas', '3'];
    assert.equal(await simulate('--pool', pool(limits)), await simulate(...same));
    assert.match(await simulate('--pool', pool(limits), '--objective-ms', '300'), /within 300 ms/);
  });

  test('--pool also sets percentile, idle time and batching', async () => {
    const same = await simulate('--percentile', '99.9', '--max-rows', '1', '--min-replicas', '1');
    const spec = 'objective: { latencyMs: 200, percentile: 99.9 }, batching: { enabled: false }';
    assert.equal(await simulate('--pool', pool(`${spec}, scaling: { maxReplicas: 100 }`)), same);
    const pause = path.join(folder, 'pause.csv');
    writeFileSync(pause, [...Array.from({ length: 240 }, (_, index) => index * 500), 900_000].join('\n'));
    const podSeconds = async (idleSeconds: number): Promise<number> => {
      const scaling = `scaling: { minReplicas: 0, maxReplicas: 100, idleSeconds: ${idleSeconds} }`;
      const args = ['--pool', pool(`objective: { latencyMs: 200 }, ${scaling}`), '--policy', 'sluice', '--json'];
      const report = JSON.parse(await simulate('--trace', pause, ...args)) as { policies: { podSeconds: number }[] };
      return report.policies[0]!.podSeconds;
    };
    const [soon, late] = [await podSeconds(60), await podSeconds(600)];
    assert.ok(late - soon > 500 && late - soon < 580, `${soon} and ${late} pod-seconds`);
  });

  test('a --pool without an objective or with an invalid field is reported with file and field', async () => {
    await assert.rejects(simulate('--pool', pool('scaling: {}')), /pool\.yaml: the pool has no objective/);
    await assert.rejects(
      simulate('--pool', pool('scaling: { minReplicas: -1 }')),
      /--pool .*pool\.yaml:\d+: \/spec\/scaling\/minReplicas.*-1/,
    );
    await assert.rejects(simulate('--pool', '/none.yaml'), /--pool \/none\.yaml/);
  });

  for (const [args, message] of [
    [['--svg', '/no/folder/x.svg'], /'--svg <file>' argument '\/no\/folder\/x\.svg' is invalid.*can't be written/],
    [['--rate-scale', '0'], /'--rate-scale <K>' argument '0' is invalid.*above 0/],
    [['--cost-ms', '20'], /'--cost-ms <a,c>' argument '20' is invalid.*two numbers/],
    [['--policy', 'hpa,vpa'], /'--policy <names>' argument 'hpa,vpa' is invalid.*"vpa" is not one of/],
    [['--max-replicas', '1.5'], /'--max-replicas <n>' argument '1.5' is invalid.*whole number of at least 1/],
    [['--min-replicas', '5', '--max-replicas', '4'], /--min-replicas 5 is above --max-replicas 4/],
    [['--tune-on', '/none.csv'], /--tune-on .*\/none\.csv/],
    [['--rate-scale', '0.000001'], /--rate-scale 0\.000001 leaves/],
  ] as const) {
    test(args.join(' '), () => assert.rejects(simulate(...args), message));
  }

  test('an invalid trace is a usage error with line and value', async () => {
    const bad = path.join(folder, 'bad.csv');
    writeFileSync(bad, '1\n2\nx\n');
    await assert.rejects(
      simulate('--trace', bad),
      new SettingsError([`--trace ${bad}, line 3: "x" is not a time in milliseconds`]),
    );
  });
});
