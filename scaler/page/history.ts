/** Keeps the last minutes of every pool, so that a page that is opened now can draw its charts. Bounded by time and pools. */
import type { HistoryReport, PoolHistory } from '../../contract/history-report.ts';
import type { PoolReport, PoolsReport } from '../../contract/scaler-api.ts';

type Quantity = Exclude<keyof PoolHistory, 'name'>;

/** Time that is kept: the width of the page's charts. */
const windowMs = 300_000;
const quantities = [
  'arrivalsPerS',
  'forecastPerS',
  'queued',
  'p99Ms',
  'readyReplicas',
  'desiredReplicas',
] as const satisfies readonly Quantity[];

export class ReportHistory {
  readonly #reports: { readonly atMs: number; readonly pools: ReadonlyMap<string, Record<Quantity, number | null>> }[] =
    [];

  /** Adds a report; one that is not later than the last is ignored. */
  add({ atMs, pools }: PoolsReport): void {
    const last = this.#reports.at(-1);
    if (last !== undefined && atMs <= last.atMs) return;
    this.#reports.push({ atMs, pools: new Map(pools.map((pool) => [pool.name, sampleOf(pool)])) });
    while (this.#reports[0] !== undefined && this.#reports[0].atMs < atMs - windowMs) this.#reports.shift();
  }

  /** @returns the history of the pools that the last report has */
  report(): HistoryReport {
    const names = [...(this.#reports.at(-1)?.pools.keys() ?? [])];
    return {
      atMs: this.#reports.map((report) => report.atMs),
      pools: names.map((name) => {
        const column = (quantity: Quantity) => this.#reports.map(({ pools }) => pools.get(name)?.[quantity] ?? null);
        return {
          name,
          ...(Object.fromEntries(quantities.map((quantity) => [quantity, column(quantity)])) as Record<
            Quantity,
            (number | null)[]
          >),
        };
      }),
    };
  }
}

/** Samples a pool's numbers, rounded: a chart 44 pixels high shows no more digits, and the answer is half as long. */
function sampleOf(pool: PoolReport): Record<Quantity, number | null> {
  const rounded = (value: number | null) => (value === null ? null : Number(value.toPrecision(4)));
  return {
    arrivalsPerS: rounded(pool.arrivalsPerS),
    forecastPerS: rounded(pool.forecastPerS),
    queued: pool.queued,
    p99Ms: rounded(pool.p99Ms),
    readyReplicas: pool.readyReplicas,
    desiredReplicas: pool.desiredReplicas,
  };
}
