/** A health run: load by its plan, a look at every place each second, and what was amiss. */
import { loadavg } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import type { PoolsReport } from '../../contract/scaler-api.ts';
import { growthBeyond, MemoryProbe, type Memory } from '../fuzz/memory.ts';
import { contradictions } from '../support/agreement.ts';
import { skipWithout } from '../support/prometheus.ts';
import { readPlaces } from '../support/told.ts';
import { Lasting, type Finding, type Seen } from './lasting.ts';
import { HealthLoad, type Account } from './load.ts';
import { HealthPage, type PageLook } from './page.ts';
import { planOf, rateAt, traffics, type Happening, type Plan, type Traffic } from './plan.ts';
import { startHealthSystem, type HealthSystem } from './system.ts';
import { worriesOfAlerts, worriesOfPage, worriesOfReport, worryOfLine, type ActiveAlert } from './worries.ts';

export interface HealthOptions {
  readonly seed: number;
  readonly minutes: number;
  readonly onProgress: (text: string) => void;
  readonly onFinding: (finding: Finding) => void;
  /** Writes a picture of the page at its first finding, for a person. */
  readonly picture?: string;
}

export interface HealthReport {
  readonly seconds: number;
  readonly looks: number;
  /** Looks that came more than 4 s after the one before: the machine was starved. */
  readonly blind: number;
  readonly pageLooks: number;
  readonly alertLooks: number;
  readonly happenings: number;
  /** Least and most pods of each pool that served. */
  readonly pods: ReadonlyMap<string, readonly [least: number, most: number]>;
  readonly accounts: Readonly<Record<Traffic, Account>>;
  readonly memory: readonly [before: readonly Memory[], after: readonly Memory[]] | null;
  readonly findings: readonly Finding[];
  readonly failures: readonly string[];
  /** Places that nobody looked at, and why. */
  readonly unseen: readonly string[];
}

const everyMs = 1_000;
/** Time after which the page is looked at in another size, colour or view. */
const changeMs = 20_000;
/** Share of the run after which memory is read first: by then everything has been warm. */
const warmShare = 0.2;
/** Shortest run whose memory is judged, in minutes. */
const judgedMinutes = 10;
/** Most growth of heap and buffers after a collection, and of resident memory. */
const growth = 0.1;

export async function health(options: HealthOptions): Promise<HealthReport> {
  const { seed, minutes } = options;
  const plan = planOf(seed, minutes);
  const memory = await MemoryProbe.create();
  const lines: Seen[] = [];
  const onLine = (source: string, line: string): void => {
    const words = worryOfLine(source, line);
    if (words !== null) lines.push({ key: words, words, allowedMs: 0 });
  };
  const missing = skipWithout('prometheus');
  const system = await startHealthSystem({ memory, withPrometheus: missing === false, onLine });
  let page: HealthPage | null = null;
  let load: HealthLoad | null = null;
  try {
    page = await HealthPage.open(system.scaler, ['language', 'numbers', 'rare']);
    const unseen = [
      ...(missing === false ? [] : [missing]),
      ...(page === null ? ['the page: there is no browser'] : []),
    ];
    const watch = new Watch({ system, page, lines, options });
    const startMs = performance.now();
    const nowMs = (): number => performance.now() - startMs;
    load = new HealthLoad(system.gateways, (traffic) => rateAt(plan, traffic, nowMs()));
    const [before, failures] = await drive(plan, { system, watch, load, memory, nowMs, options });
    await load.end();
    const after = before === null ? null : await memory.read(system);
    const grown = before === null || after === null || minutes < judgedMinutes ? [] : grownOf(before, after);
    return {
      ...watch.report,
      seconds: nowMs() / 1_000,
      happenings: plan.happenings.length,
      accounts: load.accounts,
      memory: before === null || after === null ? null : [before, after],
      failures: [...failures, ...load.failures, ...grown],
      unseen,
    };
  } finally {
    await load?.end();
    await page?.close();
    await system[Symbol.asyncDispose]();
    await memory.remove();
  }
}

interface Driven {
  readonly system: HealthSystem;
  readonly watch: Watch;
  readonly load: HealthLoad;
  readonly memory: MemoryProbe;
  readonly nowMs: () => number;
  readonly options: HealthOptions;
}

/** @returns memory after the warm-up, and what could not be done */
async function drive(plan: Plan, { system, watch, load, memory, nowMs, options }: Driven) {
  const failures: string[] = [];
  const due = [...plan.happenings];
  let before: readonly Memory[] | null = null;
  let reading: Promise<unknown> = Promise.resolve();
  for (let minute = 0; nowMs() < plan.endMs;) {
    const beganMs = nowMs();
    while (due.length > 0 && due[0]!.atMs <= beganMs) await happen(due.shift()!, system, load);
    if (before === null && beganMs > warmShare * plan.endMs) {
      before = [];
      // A collection stops each process for a moment; looks go on meanwhile.
      reading = memory.read(system).then(
        (read) => (before = read),
        (error: unknown) => failures.push(String(error)),
      );
    }
    await watch.look(beganMs);
    if (beganMs > minute * 60_000) {
      minute += 1;
      const { sent, right } = traffics.map((traffic) => load.accounts[traffic]).reduce(sumOfAccounts);
      options.onProgress(
        `${(beganMs / 60_000).toFixed(1)} of ${options.minutes} min: ${right} of ${sent} requests answered right, ` +
          `pods ${watch.podsNow}, ${watch.report.findings.length} findings; load of the machine ${loadavg()[0]!.toFixed(1)}`,
      );
    }
    await delay(Math.max(0, everyMs - (nowMs() - beganMs)));
  }
  await reading;
  return [before, failures] as const;
}

async function happen({ kind, traffic, number }: Happening, system: HealthSystem, load: HealthLoad): Promise<void> {
  if (kind === 'version') await system.addVersion(number);
  else if (kind === 'rollout') system.rollOut(number);
  else for (let count = 0; count < number; count += 1) load.send(traffic);
}

interface Watched {
  readonly system: HealthSystem;
  readonly page: HealthPage | null;
  /** Log lines that warn, from which each look takes what has come. */
  readonly lines: Seen[];
  readonly options: HealthOptions;
}

/** Looks at all places, one look after the other. */
class Watch {
  readonly #lasting = new Lasting();
  readonly #system: HealthSystem;
  readonly #page: HealthPage | null;
  readonly #lines: Seen[];
  readonly #options: HealthOptions;
  readonly #pods = new Map<string, readonly [number, number]>();
  #looks = 0;
  #pageLooks = 0;
  #alertLooks = 0;
  #changedMs = 0;
  podsNow = '';

  constructor({ system, page, lines, options }: Watched) {
    this.#system = system;
    this.#page = page;
    this.#lines = lines;
    this.#options = options;
  }

  get report() {
    const { findings, blind } = this.#lasting;
    return {
      looks: this.#looks,
      blind,
      pageLooks: this.#pageLooks,
      alertLooks: this.#alertLooks,
      pods: this.#pods,
      findings,
    };
  }

  async look(nowMs: number): Promise<void> {
    this.#looks += 1;
    const { gateways, scaler, prometheus } = this.#system;
    const seen = this.#lines.splice(0);
    try {
      const [told, look, alerts] = await Promise.all([
        readPlaces(gateways, scaler),
        this.#lookAtPage(nowMs),
        prometheus === null
          ? []
          : (prometheus.api('alerts') as Promise<{ alerts: ActiveAlert[] }>).then((all) => all.alerts),
      ]);
      const page = look?.view === 'pools' ? { page: look.rows } : {};
      seen.push(...contradictions({ ...told, ...page }), ...worriesOfReport(told.report), ...worriesOfAlerts(alerts));
      if (look !== null) seen.push(...worriesOfPage(look));
      if (prometheus !== null) this.#alertLooks += 1;
      this.#count(told.report);
    } catch (error) {
      const { message, cause } = error as Error;
      const words = `a place that does not answer: ${message}${cause instanceof Error ? `: ${cause.message}` : ''}`;
      seen.push({ key: words, words, allowedMs: 0 });
    }
    const found = this.#lasting.look(nowMs, seen);
    for (const finding of found) this.#options.onFinding(finding);
    if (found.length > 0 && this.#options.picture !== undefined) await this.#page?.picture(this.#options.picture);
  }

  async #lookAtPage(nowMs: number): Promise<PageLook | null> {
    if (this.#page === null) return null;
    if (nowMs - this.#changedMs > changeMs) {
      this.#changedMs = nowMs;
      await this.#page.change();
    }
    const look = await this.#page.look();
    if (look !== null) this.#pageLooks += 1;
    return look;
  }

  #count({ pools }: PoolsReport): void {
    this.podsNow = pools.map(({ name, readyReplicas }) => `${name} ${readyReplicas}`).join(', ');
    for (const { name, readyReplicas } of pools) {
      const [least, most] = this.#pods.get(name) ?? [readyReplicas, readyReplicas];
      this.#pods.set(name, [Math.min(least, readyReplicas), Math.max(most, readyReplicas)]);
    }
  }
}

/** Growth of the processes that last: pods come and go. */
function grownOf(before: readonly Memory[], after: readonly Memory[]): string[] {
  const lasts = ({ name }: Memory): boolean => name === 'gateway' || name === 'scaler';
  return growthBeyond(growth, before.filter(lasts), after.filter(lasts));
}

function sumOfAccounts(one: Account, other: Account): Account {
  return { sent: one.sent + other.sent, right: one.right + other.right };
}
