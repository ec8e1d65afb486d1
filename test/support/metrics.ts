/** One scrape in the Prometheus text format, to be asked for values. */
interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

export class Metrics {
  readonly #samples: readonly Sample[];

  constructor(text: string) {
    this.#samples = text
      .split('\n')
      .map((line) => /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)/.exec(line))
      .filter((found) => found !== null)
      .map(([, name, labels, value]) => ({ name: name!, labels: parseLabels(labels ?? ''), value: Number(value) }));
  }

  /** Scrapes a process now. @param origin of its admin port */
  static async scrape(origin: string): Promise<Metrics> {
    return new Metrics(await (await fetch(`${origin}/metrics`)).text());
  }

  /**
   * The sum over all samples of this name that have these labels, and maybe others.
   * @throws Error if there is none: a misspelt name is not a zero
   */
  value(name: string, labels: Readonly<Record<string, string>> = {}): number {
    const found = this.#find(name, labels);
    if (found.length === 0) throw new Error(`no metric ${name} with labels ${JSON.stringify(labels)}`);
    return found.reduce((sum, sample) => sum + sample.value, 0);
  }

  /** Whether there is a sample of this name with these labels. */
  has(name: string, labels: Readonly<Record<string, string>> = {}): boolean {
    return this.#find(name, labels).length > 0;
  }

  #find(name: string, labels: Readonly<Record<string, string>>): Sample[] {
    return this.#samples.filter(
      (sample) => sample.name === name && Object.entries(labels).every(([label, is]) => sample.labels[label] === is),
    );
  }
}

function parseLabels(text: string): Record<string, string> {
  const labels: Record<string, string> = {};
  for (const [, name, value] of text.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)) {
    labels[name!] = value!.replaceAll(/\\(.)/g, (_, escaped: string) => (escaped === 'n' ? '\n' : escaped));
  }
  return labels;
}
