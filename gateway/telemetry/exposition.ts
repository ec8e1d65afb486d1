/**
 * Prometheus' text format (version 0.0.4), for values that are counted elsewhere. prom-client would take an object of labels
 * for each sample, and five times as long; a gateway has some two hundred samples for each model.
 */
import type { Histogram } from '../../runtime/histogram.ts';

export type FamilyType = 'gauge' | 'counter' | 'histogram';

export interface Sample {
  /** As `labelsText` gives them. */
  readonly labels: string;
  readonly value: number;
  /** Of a histogram: which of its series. */
  readonly suffix?: '_bucket' | '_sum' | '_count';
}

/** `pool="a",model="b"`: what stands in the braces. Names are not checked. */
export function labelsText(labels: Readonly<Record<string, string>>): string {
  return Object.entries(labels)
    .map(([name, value]) => `${name}="${escapeValue(value)}"`)
    .join();
}

/** What stands above the samples of a metric. This and what follows end with a line break. */
export function headText(type: FamilyType, name: string, help: string): string {
  return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n`;
}

export function samplesText(name: string, samples: readonly Sample[]): string {
  let text = '';
  for (const { suffix = '', labels, value } of samples) text += `${name}${suffix}{${labels}} ${numberText(value)}\n`;
  return text;
}

/** Buckets count all below their bound, as Prometheus wants them. */
export function histogramSamples(labels: string, { bounds, counts, sum }: Histogram): Sample[] {
  const samples: Sample[] = [];
  let cumulative = 0;
  for (let bucket = 0; bucket < counts.length; bucket += 1) {
    cumulative += counts[bucket]!;
    const le = bounds[bucket] ?? '+Inf';
    samples.push({ suffix: '_bucket', labels: `${labels},le="${le}"`, value: cumulative });
  }
  samples.push({ suffix: '_sum', labels, value: sum }, { suffix: '_count', labels, value: cumulative });
  return samples;
}

function escapeValue(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}

function numberText(value: number): string {
  if (Number.isFinite(value)) return String(value);
  if (Number.isNaN(value)) return 'NaN';
  return value > 0 ? '+Inf' : '-Inf';
}
