/** The text format of Prometheus as a catalogue: what metrics there are, of which type, with which labels and values. */
import assert from 'node:assert/strict';

export interface Exposed {
  readonly type: string;
  /** Values of each label, over all samples; without `le`. */
  readonly labels: Map<string, Set<string>>;
}

/** Metrics of the process itself are left out. */
export function exposed(text: string): Map<string, Exposed> {
  const found = new Map<string, Exposed>();
  for (const [, name, type] of text.matchAll(/^# TYPE (\S+) (\S+)$/gm))
    found.set(name!, { type: type!, labels: new Map() });
  for (const [, sample, list] of text.matchAll(/^(\w+)\{(.*)\} \S+$/gm)) {
    const metric = found.get(sample!) ?? found.get(sample!.replace(/_(bucket|sum|count)$/, ''));
    assert.ok(metric !== undefined, sample);
    for (const [, label, value] of list!.matchAll(/(\w+)="([^"]*)"/g)) {
      if (label === 'le') continue;
      metric.labels.set(label!, (metric.labels.get(label!) ?? new Set()).add(value!));
    }
  }
  for (const name of found.keys()) if (/^(process|nodejs)_/.test(name)) found.delete(name);
  return found;
}
