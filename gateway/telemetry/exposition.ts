/**
 * Prometheus' text format (version 0.0.4), for values that are counted elsewhere. A gateway has some two hundred samples per
 * model; prom-client would build an object of labels for each of them, and take five times as long.
 */
import type { Histogram } from '../../runtime/histogram.ts';

export type FamilyType = 'gauge' | 'counter' | 'histogram';

export interface Sample {
  /** Labels as text, made by `labelsText`. */
  readonly labels: string;
  readonly value: number;
  /** Series of a histogram that the sample belongs to. */
  readonly suffix?: '_bucket' | '_sum' | '_count';
}

/** Labels as they stand between the braces: `pool="a",model="b"`. Names are not checked. */
export function labelsText(labels: Readonly<Record<string, string>>): string {
  return Object.entries(labels)
    .map(([name, value]) => `${name}="${escapeValue(value)}"`)
    .join();
}

/** HELP and TYPE lines of a metric, with a line break at the end. */
export function headText(type: FamilyType, name: string, help: string): string {
  return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n`;
}

export function samplesText(name: string, samples: readonly Sample[]): string {
  let text = '';
  for (const { suffix = '', labels, value } of samples) text += `${name}${suffix}{${labels}} ${numberText(value)}\n`;
  return text;
}

/** Samples of a histogram. Buckets are cumulative, as Prometheus requires. */
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
