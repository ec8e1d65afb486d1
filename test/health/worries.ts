/** Alarms in a system in which nothing is amiss: in the report, in alerts, in logs, on the page. Pure. */
import type { PoolsReport } from '../../contract/scaler-api.ts';
import type { Seen } from './lasting.ts';
import type { PageLook } from './page.ts';

/** Element of `/api/v1/alerts` of Prometheus. */
export interface ActiveAlert {
  readonly state: string;
  readonly labels: Readonly<Record<string, string>>;
}

/**
 * Time for which an alert may be pending: an expression may be true for a moment of a start, and each alert waits at least 30 s before it
 * fires.
 */
const pendingMs = 25_000;
const outOfService = new Set(['ejected', 'probing', 'crash-looping', 'foreign-drain']);
/** Least level of a line that tells of trouble: 40 is a warning. */
const warning = 40;

const seen = (key: string, words = key, allowedMs = 0): Seen => ({ key, words, allowedMs });

export function worriesOfReport({ pools, gateways, leading }: PoolsReport): Seen[] {
  const found = leading ? [] : [seen('report: this scaler does not lead')];
  for (const { name, reporting } of gateways) if (!reporting) found.push(seen(`report: no report from ${name}`));
  for (const pool of pools) {
    const { name, troubles = [], pods, answers, p99Ms, objectiveMs, readyReplicas, minReplicas } = pool;
    for (const { condition, level, reason, message } of troubles)
      found.push(seen(`report: ${name} ${condition} ${reason}`, `report, ${level}: ${name} ${reason}: ${message}`));
    for (const { name: pod, uid, state, reason, failure } of pods) {
      if (outOfService.has(state))
        found.push(seen(`report: ${uid} ${state}`, `report: ${pod} ${state}: ${reason ?? ''}`));
      if (failure !== undefined) found.push(seen(`report: ${uid} fails`, `report: ${pod} fails: ${failure.message}`));
    }
    const lost =
      answers === null || answers === undefined ? 0 : answers.shedPerS + answers.timeoutsPerS + answers.failedPerS;
    if (lost > 0) found.push(seen(`report: ${name} errors`, `report: ${name} loses ${lost.toFixed(2)} requests/s`));
    if (p99Ms !== null && objectiveMs !== null && p99Ms > objectiveMs)
      found.push(seen(`report: ${name} late`, `report: ${name} p99 ${p99Ms.toFixed(0)} ms of ${objectiveMs} ms`));
    if (readyReplicas === 0 && minReplicas > 0) found.push(seen(`report: ${name} has no pod`));
  }
  return found;
}

export function worriesOfAlerts(alerts: readonly ActiveAlert[]): Seen[] {
  return alerts.map(({ state, labels }) => {
    const words = `Prometheus: ${labels['alertname'] ?? ''} of ${labels['pool'] ?? 'all'} is ${state}`;
    return seen(words, words, state === 'firing' ? 0 : pendingMs);
  });
}

export function worriesOfPage(look: PageLook): Seen[] {
  const at = `page (${look.look})`;
  const found = [...look.red, ...look.complaints].map((text) =>
    seen(`page: ${text.replaceAll(/\d+/g, '')}`, `${at}: ${text}`),
  );
  if (look.overflowPx > 0) found.push(seen(`${at} overflows`, `${at}: ${look.overflowPx} px wider than the screen`));
  const isTroubled = look.rows.some(({ level }) => level === 'bad');
  const isSaid = look.attention !== 'Nothing needs attention';
  if (look.link === 'live' && look.view === 'pools' && isTroubled !== isSaid)
    found.push(seen('page: attention', `${at}: '${look.attention}' over rows ${JSON.stringify(look.rows)}`));
  if (look.link !== 'live') found.push(seen('page: link', `${at}: the link is ${look.link}`, 5_000));
  return found;
}

/** @returns what a log line says, if it warns or is no line of the log */
export function worryOfLine(source: string, line: string): string | null {
  let entry: { readonly level?: number; readonly msg?: string };
  try {
    entry = JSON.parse(line) as typeof entry;
  } catch {
    return `log of ${source}: ${line.slice(0, 400)}`;
  }
  return (entry.level ?? warning) < warning ? null : `log of ${source}: ${line.slice(0, 400)}`;
}
