import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { seededRandom } from '../../runtime/seeded-random.ts';
import { coarseStepMs, parseTrace, scaleTrace, TraceError } from './trace.ts';

const shared = (name: string) =>
  parseTrace(readFileSync(new URL(`../traces/${name}.csv`, import.meta.url), 'utf8'), name);

describe('reading a trace', () => {
  test('comments, column names, further columns and line ends are skipped; times begin at the first request', () => {
    const text = '# source\r\narrival_ms,tokens\r\n100,7\r\n\r\n100.5,8\n# more\n130,9';
    assert.deepEqual([...parseTrace(text, 't.csv')], [0, 0.5, 30]);
  });

  for (const [text, message] of [
    ['', 't.csv: 0 arrivals; a trace has at least 2'],
    ['5', 't.csv: 1 arrivals; a trace has at least 2'],
    ['5\n5\n5', 't.csv: all 3 arrivals are at 5'],
    ['a\nb\n1', 't.csv, line 2: "b" is not a time in milliseconds'],
    ['1\narrival', 't.csv, line 2: "arrival" is not a time in milliseconds'],
    ['1\n,3', 't.csv, line 2: "" is not a time in milliseconds'],
    ['1\nInfinity', 't.csv, line 2: "Infinity" is not a time in milliseconds'],
    ['1\n2023-11-16 18:17:03', 't.csv, line 2: "2023-11-16 18:17:03" is not a time in milliseconds'],
    ['-1\n2', 't.csv, line 1: -1 is negative'],
    ['1\n#\n9\n8', 't.csv, line 4: 8 is before 9 of line 3; sort it'],
  ] as const) {
    test(JSON.stringify(text), () => assert.throws(() => parseTrace(text, 't.csv'), new TraceError(message)));
  }

  test('any text is read or refused with a TraceError', () => {
    const lines = fc.array(fc.oneof(fc.double().map(String), fc.string(), fc.constant('#')));
    fc.assert(
      fc.property(lines, (all) => {
        try {
          const times = parseTrace(all.join('\n'), 'x');
          assert.ok(times.every((time, index) => index === 0 || time >= times[index - 1]!));
        } catch (error) {
          assert.ok(error instanceof TraceError, String(error));
        }
      }),
    );
  });
});

describe('coarse stamps', () => {
  test('are told apart from fine ones in the shared traces', () => {
    assert.equal(coarseStepMs(shared('azure-llm-conv')), null);
    assert.equal(coarseStepMs(shared('azure-llm-code')), null);
    assert.equal(coarseStepMs(shared('mooncake-conversation')), 3000);
  });

  test('are spread over their own step, as many in each as before', () => {
    const stamps = shared('mooncake-conversation');
    const { arrivalsMs, spreadOverMs } = scaleTrace(stamps, 1, 1);
    assert.equal(spreadOverMs, 3000);
    assert.equal(arrivalsMs.length, stamps.length);
    const second = arrivalsMs.filter((time) => time >= 60_000 && time < 61_000).length;
    assert.ok(second > 0, 'seconds that had none now have some');
    assert.ok(
      Math.abs(
        arrivalsMs.filter((time) => time < 600_000).length / stamps.filter((time) => time < 600_000).length - 1,
      ) < 0.02,
    );
  });

  test('stamps of a regular source are fine, whole seconds of a log are coarse', () => {
    assert.equal(coarseStepMs(Float64Array.from({ length: 100 }, (_, index) => index * 100)), null);
    assert.equal(coarseStepMs(Float64Array.from({ length: 300 }, (_, index) => 1000 * Math.floor(index / 3))), 1000);
  });
});

describe('scaling the rate', () => {
  const fine = shared('azure-llm-code');

  test('a scale of 1 keeps the trace; the same seed repeats itself, others differ', () => {
    assert.deepEqual(scaleTrace(fine, 1, 1).arrivalsMs, fine);
    for (const scale of [0.5, 2]) {
      assert.deepEqual(scaleTrace(fine, scale, 1), scaleTrace(fine, scale, 1));
      assert.notDeepEqual(scaleTrace(fine, scale, 1), scaleTrace(fine, scale, 2));
    }
  });

  test('below 1, arrivals of the trace remain; above 1, new ones come, in as long a time', () => {
    const few = scaleTrace(fine, 0.3, 1).arrivalsMs;
    const shift = fine.find((time) => Math.abs(fine.at(-1)! - time - few.at(-1)!) < 2000 && time < 5000) ?? 0;
    assert.ok(few.length < 0.33 * fine.length && few.length > 0.27 * fine.length && shift < 5000);
    for (const scale of [1.5, 2.7, 10]) {
      const { arrivalsMs } = scaleTrace(fine, scale, 1);
      const expected = scale * fine.length;
      assert.ok(
        Math.abs(arrivalsMs.length - expected) < 5 * Math.sqrt(expected),
        `${arrivalsMs.length} of ${expected}`,
      );
      assert.ok(Math.abs(arrivalsMs.at(-1)! / fine.at(-1)! - 1) < 0.01);
      assert.ok(arrivalsMs.every((time, index) => index === 0 || time >= arrivalsMs[index - 1]!));
    }
  });

  for (const name of ['azure-llm-code', 'azure-llm-conv', 'mooncake-conversation']) {
    test(`${name}: (variance ÷ mean − 1) ÷ scale is the source's`, () => keepsDispersion(shared(name)));
  }

  test('so it is of a source that nobody here has seen: clumps within 200 ms, in a load that swings', () => {
    const random = seededRandom(5);
    const times: number[] = [];
    for (let atMs = 0; atMs < 3_600_000; atMs += (-Math.log(random()) * 1000) / (1 + 0.6 * Math.sin(atMs / 300_000))) {
      for (let one = 0; one < 1 + 8 * random() ** 3; one += 1) times.push(atMs + 200 * random());
    }
    // Clumps of independent places on no scale's grid are the hardest: windows straddle their cells.
    keepsDispersion(Float64Array.from(times).sort(), 0.15);
  });

  test('a Poisson source stays one, at any scale and window', () => {
    const random = seededRandom(11);
    let atMs = 0;
    const source = Float64Array.from({ length: 20_000 }, () => (atMs -= 200 * Math.log(1 - random())));
    const { arrivalsMs } = scaleTrace(source, 20, 1);
    for (const windowMs of [50, 1000, 10_000]) {
      const chance = Math.sqrt((2 * windowMs) / source.at(-1)!);
      assert.ok(Math.abs(dispersion(arrivalsMs, windowMs) / 20) < 3 * chance, `${windowMs} ms`);
    }
  });
});

/** Variance ÷ mean − 1 of the arrivals in windows of a length. */
function dispersion(arrivalsMs: Float64Array, windowMs: number): number {
  const counts = new Float64Array(Math.floor(arrivalsMs.at(-1)! / windowMs));
  for (const atMs of arrivalsMs) {
    const window = Math.floor(atMs / windowMs);
    if (window < counts.length) counts[window]! += 1;
  }
  const mean = counts.reduce((a, b) => a + b) / counts.length;
  return counts.reduce((sum, count) => sum + (count - mean) ** 2, 0) / counts.length / mean - 1;
}

/**
 * Holds the dispersion of scaled traces, the mean of some seeds, within a share of the source's, or within three deviations
 * of what chance alone makes of a source of no dispersion.
 */
function keepsDispersion(stampsMs: Float64Array, share = 0.1): void {
  const source = scaleTrace(stampsMs, 1, 1).arrivalsMs;
  for (const scale of [5, 30]) {
    const traces = [1, 2, 3, 4].map((seed) => scaleTrace(source, scale, seed).arrivalsMs);
    for (const windowMs of [50, 1000, 10_000]) {
      const expected = dispersion(source, windowMs);
      const found = traces.reduce((sum, one) => sum + dispersion(one, windowMs) / scale, 0) / traces.length;
      const chance = Math.sqrt((2 * windowMs) / source.at(-1)!);
      assert.ok(
        Math.abs(found - expected) <= Math.max(share * expected, 3 * chance),
        `${windowMs} ms, scale ${scale}: ${found} for ${expected}`,
      );
    }
  }
}
