/** A timeline of requests through recorder, tally, report and texts: from what threads count to what is printed. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { compareFigures, parseBenchReport, renderComparison } from './compare.ts';
import { renderPage, renderPicture } from './page.ts';
import { Recorder } from './recorder.ts';
import { figuresOf, reportOf, type Figures, type Setup } from './report.ts';
import { Tally } from './tally.ts';
import { renderProgress, renderReport } from './text.ts';

const setup: Setup = {
  target: 'http://host:1',
  server: 'sluice 1',
  model: 'm<script>',
  path: '/v2/models/m/infer',
  body: 'Open Inference Protocol, JSON',
  bodyBytes: 100,
  loop: 'open',
  load: 'constant 100/s',
  warmUpSeconds: 1,
  durationSeconds: 2,
  threads: 1,
  seed: 1,
  machine: 'a machine',
};

/** Runs 100 requests a second, each answered after `delayMs`: warm-up to 1,000 ms, measured to 3,000 ms. */
function recorded(delayMs: (index: number) => number, outcome: (index: number) => number | string = () => 200): Tally {
  const recorder = new Recorder(1_000, 3_000);
  const tally = new Tally(2_000);
  for (let index = 0; index < 300; index += 1) {
    const atMs = index * 10;
    recorder.sent(atMs, atMs + 0.5);
    recorder.ended(atMs, atMs + 0.5, atMs + delayMs(index), outcome(index));
    // Parts add up wherever they are cut.
    if (index % 70 === 0) tally.add(recorder.take());
  }
  tally.add(recorder.take());
  return tally;
}

function tallied(recorder: Recorder): Figures {
  const tally = new Tally(1_000);
  tally.add(recorder.take());
  return figuresOf(tally, null);
}

describe('what is counted', () => {
  test('requests intended within the measured time count, those of the warm-up do not', () => {
    const figures = figuresOf(
      recorded((index) => (index < 100 ? 900 : 20)),
      null,
    );
    assert.deepEqual([figures.offered, figures.good, figures.errors, figures.rejected], [200, 200, 0, 0]);
    assert.equal(figures.offeredPerSecond, 100);
    assert.equal(figures.latencyMs.max, 20);
    assert.equal(figures.serviceMs.max, 19.5);
    assert.equal(figures.lagMs.p50, 0.5);
    assert.equal(figures.generatorBehind, false);
    // Within the measured time come 89 answers of the warm-up; the last two answers come after its end.
    assert.equal(figures.completedPerSecond, (89 + 198 + 1) / 2);
  });

  test('seconds count requests as offered when intended, and as the rest when they ended', () => {
    const seconds = recorded(() => 500).seconds();
    assert.deepEqual(
      seconds.map(({ second, offered, good }) => [second, offered, good]),
      [
        [0, 100, 50],
        [1, 100, 100],
        [2, 0, 50],
      ],
    );
    assert.equal(seconds[1]!.p50Ms, 500);
  });

  test('endings other than good by status or error, of which 503 and 429 are rejections', () => {
    const endings = [200, 503, 429, 500, 'timeout'];
    const figures = figuresOf(
      recorded(
        () => 20,
        (index) => endings[index % 5]!,
      ),
      null,
    );
    assert.deepEqual([figures.good, figures.rejected, figures.errors], [40, 80, 80]);
    assert.deepEqual(figures.endings, { 429: 40, 500: 40, 503: 40, timeout: 40 });
    assert.equal(figures.rejectedLatencyMs!.count, 80);
  });

  test('requests that were not sent count as offered, and the generator as behind', () => {
    const recorder = new Recorder(0, 1_000);
    recorder.sent(1, 1);
    recorder.ended(1, 1, 2, 200);
    recorder.unsent(5, false);
    recorder.unsent(2_000, false);
    const figures = tallied(recorder);
    assert.deepEqual([figures.offered, figures.good, figures.errors], [2, 1, 1]);
    assert.deepEqual(figures.endings, { 'not sent': 1 });
    assert.deepEqual([figures.generatorBehind, figures.held], [true, 0]);
  });

  test('a wait for a connection is latency of the server, and no lag of the generator', () => {
    const recorder = new Recorder(0, 1_000);
    recorder.sent(1, 501, 500.5);
    recorder.ended(1, 501, 503, 200);
    // A connection was free before the intended time.
    recorder.sent(600, 600.2, 500.5);
    recorder.ended(600, 600.2, 602, 200);
    recorder.unsent(900, true);
    const figures = tallied(recorder);
    assert.deepEqual([figures.offered, figures.held, figures.generatorBehind], [3, 2, false]);
    assert.deepEqual(figures.endings, { 'no connection': 1 });
    assert.deepEqual([figures.latencyMs.max, figures.serviceMs.max, figures.lagMs.max], [502, 2, 0.5]);
    assert.match(renderReport(reportOf(setup, [figures])), /did not keep up: 2 requests waited .*--max-in-flight/);
  });

  test('of several repeats the middle one is on top', () => {
    const repeats = [30, 10, 20].map((delay) =>
      figuresOf(
        recorded(() => delay),
        null,
      ),
    );
    assert.equal(reportOf(setup, repeats).latencyMs.p99, 20);
  });
});

const report = reportOf(setup, [
  figuresOf(
    recorded(
      (index) => (index % 100 === 0 ? 80 : 20),
      (index) => (index % 50 === 1 ? 503 : 200),
    ),
    {
      meanBatch: 12.34,
      shed: 4,
      seconds: [
        { second: 0, meanBatch: 12, pods: 2, shed: 2 },
        { second: 1, meanBatch: null, pods: 3, shed: 2 },
      ],
    },
  ),
]);

test('the table', () => {
  const text = renderReport(report);
  assert.match(text, /open loop, constant 100\/s, 2 s after 1 s of warm-up/);
  assert.match(text, /offered +100\.0\/s +200 requests/);
  assert.match(text, /rejected +4, 2\.00%/);
  assert.match(text, /Sluice: mean batch 12\.3 rows, pods 2–3, shed 4/);
});

test('the progress line shows the last whole second', () => {
  assert.match(
    renderProgress(
      recorded(() => 20),
      1_000,
      2_100,
    ),
    /^█{7}░{5} 1 of 2 s {2}offered 100\/s {2}good 98\/s {2}p50 20/,
  );
  assert.equal(renderProgress(new Tally(1_000), 1_000, 500), 'warming up');
});

test('page and picture have all charts, and escape every name', () => {
  const page = renderPage(report);
  assert.equal(page.match(/<svg /g)!.length, 7);
  assert.ok(!page.includes('m<script>'));
  const picture = renderPicture(report);
  assert.equal(picture.match(/<svg /g)!.length, 8);
  // Undefined coordinates would show as NaN.
  assert.ok(!/NaN|Infinity/.test(picture + page.replace(/<script[^]*/, '')));
  assert.ok(!/NaN|Infinity/.test(renderPicture(reportOf(setup, [figuresOf(new Tally(1_000), null)]))));
});

describe('comparison', () => {
  const repeated = (delays: readonly number[]) =>
    reportOf(
      setup,
      delays.map((delay): Figures =>
        figuresOf(
          recorded(() => delay),
          null,
        ),
      ),
    );

  test('medians, their ratio, and the range that the repeats allow', () => {
    const p99 = compareFigures(repeated([10, 20, 40]), repeated([20, 40, 60])).find(({ name }) => name === 'p99 ms')!;
    assert.deepEqual(p99.ratio, { median: 2, low: 0.5, high: 6 });
  });

  test('notes name what differs, and too few repeats', () => {
    const other = { ...repeated([20]), load: 'constant 50/s' };
    const text = renderComparison(repeated([10]), other);
    assert.match(text, /p50 ms +10\.0 +20\.0 +2\.00/);
    assert.match(text, /fewer than 3 repeats/);
    assert.match(text, /load differs: constant 100\/s and constant 50\/s/);
  });

  test('reads what --json printed', () => {
    const made = repeated([10, 20]);
    assert.deepEqual(parseBenchReport(JSON.stringify(made), 'a.json'), JSON.parse(JSON.stringify(made)));
  });
});
