import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, describe, test } from 'node:test';
import { SettingsError } from '../../contract/settings.ts';
import { benchCommand } from './command.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'sluice-bench-'));
after(() => rmSync(folder, { recursive: true }));
const url = 'http://127.0.0.1:9';

async function bench(...args: readonly string[]): Promise<string> {
  let printed = '';
  const command = benchCommand({ print: (text) => (printed += text) }).exitOverride();
  command.configureOutput({ writeErr: () => undefined });
  await command.parseAsync(args, { from: 'user' });
  return printed;
}

describe('invalid flags of sluice bench are reported with their values before any request is sent', () => {
  for (const [args, message] of [
    [['--rate', 'x'], /'--rate <R>' argument 'x' is invalid.*requests per second/],
    [['--rate', '-1'], /'--rate <R>' argument '-1' is invalid/],
    [['--concurrency', '0'], /'--concurrency <n>' argument '0' is invalid.*whole number of at least 1/],
    [['--duration-s', '0'], /'--duration-s <s>' argument '0' is invalid.*above 0/],
    [['--warm-up-s', '-1'], /'--warm-up-s <s>' argument '-1' is invalid.*at least 0/],
    [['--objective', '100'], /'--objective <time>' argument '100' is invalid.*100ms or 1\.5s/],
    [['--find-max', '--objective', '1s', '--report', 'x.html'], /--report x\.html: covers one rate/],
    [
      ['--report', '/no/folder/x.html'],
      /'--report <file>' argument '\/no\/folder\/x\.html' is invalid.*can't be written/,
    ],
    [['--percentile', '100'], /'--percentile <p>' argument '100' is invalid.*below 100/],
    [['--shape', 'x=a'], /'--shape <name=sizes>' argument 'x=a' is invalid/],
    [['--header', 'nothing'], /'--header <name: value>' argument 'nothing' is invalid/],
    [['--protocol', 'v3'], /'--protocol <name>' argument 'v3' is invalid. Allowed choices are oip, v1/],
    [['--threads', '1.5'], /'--threads <n>' argument '1\.5' is invalid/],
    [[], /--concurrency \(closed loop\) or --rate \(open loop\): one is required/],
    [['--concurrency', '4', '--rate', '5'], /--concurrency 4 and --rate 5: give one of them/],
    [['--concurrency', '4', '--arrivals', 'ramp'], /--arrivals ramp: requires an open loop/],
    [['--rate', '5,6'], /--rate 5,6: poisson takes one rate/],
    [['--rate', '0'], /--rate 0: must be above 0/],
    [['--rate', '0,0', '--arrivals', 'step'], /--rate 0,0: at least one must be above 0/],
    [['--rate', '5', '--arrivals', 'day.csv'], /--rate 5: day\.csv has its own arrival times; use --speed-up/],
    [['--rate', '5', '--speed-up', '2'], /--speed-up 2: requires a file of arrivals/],
    [
      ['--rate', '5', '--arrivals', 'ramp', '--warm-up-s', '3'],
      /--warm-up-s 3: must be 0, since the load of ramp is not steady/,
    ],
    [['--rate', '5', '--protocol', 'v1', '--body', 'binary'], /--body binary: V1 supports only JSON/],
    [['--rate', '5', '--report', 'a.pdf'], /--report a\.pdf: must end in \.html or \.svg/],
    [['--rate', '5', '--metrics', 'nowhere'], /--metrics: must be a URL such as \S+, was: nowhere/],
    [['--find-max'], /--find-max: needs --objective/],
    [['--find-max', '--objective', '1s', '--concurrency', '4'], /--concurrency 4: --find-max searches for a rate/],
    [
      ['--find-max', '--objective', '1s', '--arrivals', 'step'],
      /--arrivals step: --find-max needs poisson or constant/,
    ],
    [['--find-max', '--objective', '1s', '--repeats', '3'], /--repeats 3: --find-max repeats runs by itself/],
  ] as const) {
    test(args.join(' ') || 'no load', () => assert.rejects(bench(url, '--model', 'm', ...args), message));
  }

  test('all errors are reported at once', () =>
    assert.rejects(
      bench('ftp://x', '--rate', '0'),
      new SettingsError([
        'URL: must begin with http:// or https://, was: ftp://x',
        '--model: is required',
        '--rate 0: must be above 0',
      ]),
    ));
  test('a URL with a query is refused', () =>
    assert.rejects(
      bench(`${url}/?x=1`, '--model', 'm', '--rate', '5'),
      /URL: must have no query and no fragment, was: .*x=1/,
    ));
  test('the URL is required', () => assert.rejects(bench('--model', 'm', '--rate', '5'), /URL: is required/));
});

describe('--compare', () => {
  test('requires two files that are reports', async () => {
    const [one, broken, other] = ['one.json', 'broken.json', 'other.json'].map((name) => path.join(folder, name));
    writeFileSync(one!, '{"repeats": []}');
    writeFileSync(broken!, '{');
    writeFileSync(other!, '{}');
    await assert.rejects(bench('--compare', one!), /--compare .*one\.json: must be two files, a and b/);
    await assert.rejects(
      bench('--compare', one!, one!),
      /one\.json: repeats: must be the runs of a report .*was: \[\]/,
    );
    for (const run of ['{}', 'null', '{"completedPerSecond": 1, "latencyMs": null}']) {
      writeFileSync(other!, `{"repeats": [${run}]}`);
      await assert.rejects(bench('--compare', other!, other!), /other\.json: repeats: must be the runs of a report/);
    }
    await assert.rejects(bench('--compare', broken!, one!), /broken\.json: is not JSON: "{"/);
    await assert.rejects(bench('--compare', `${other!}.none`, one!), /ENOENT.*other\.json\.none/);
  });
});
