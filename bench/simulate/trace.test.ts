import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import fc from 'fast-check';
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

  test('a scale of 1 keeps the trace; K makes K of each arrival, within the mean gap', () => {
    assert.deepEqual(scaleTrace(fine, 1, 1).arrivalsMs, fine);
    const { arrivalsMs } = scaleTrace(fine, 10, 1);
    assert.equal(arrivalsMs.length, 10 * fine.length);
    const meanGapMs = fine.at(-1)! / fine.length;
    assert.ok(Math.abs(arrivalsMs.at(-1)! - fine.at(-1)!) <= meanGapMs);
    // Copies are moved by at most the mean gap, so their order changes little.
    for (let index = 0; index < fine.length; index += 1) {
      assert.ok(Math.abs(arrivalsMs[10 * index + 5]! - fine[index]!) <= 2 * meanGapMs);
    }
  });

  test('fractions are met on average, also below 1; the same seed repeats itself, others differ', () => {
    for (const scale of [0.3, 2.7]) {
      const ratio = scaleTrace(fine, scale, 1).arrivalsMs.length / fine.length;
      assert.ok(Math.abs(ratio / scale - 1) < 0.03, `${ratio}`);
    }
    assert.deepEqual(scaleTrace(fine, 2, 1), scaleTrace(fine, 2, 1));
    assert.notDeepEqual(scaleTrace(fine, 2, 1), scaleTrace(fine, 2, 2));
  });
});
