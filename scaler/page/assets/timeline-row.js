/** One entry of the timeline as elements: decision, event, or a span of holds that unfolds into its parts. */
import { element } from './dom.js';
import { clock, duration, plain } from './format.js';
import { runbookLink } from './links.js';

/** @import { DecisionRecord } from '../../../contract/scaler-api.ts' */
/** @import { TimelineEvent } from '../../../contract/timeline-event.ts' */
/** @import { Entry } from './timeline-entries.js' */

/** Outcomes that mean the write was not made. */
const failure = /^(conflict|refused|failed|not-leader|not written)\b/;
/** Parts of a span that are listed when it is unfolded. */
const maxParts = 20;

/**
 * @param {Entry} entry
 * @returns {string} changes with what is shown of it
 */
export function signatureOf({ decision, event, holds, untilMs }) {
  if (decision !== undefined) return JSON.stringify([decision.outcome, decision.to, decision.times]);
  if (event !== undefined) return 'event';
  return JSON.stringify([holds?.length, holds?.[0]?.atMs, untilMs]);
}

/**
 * @param {Entry} entry
 * @returns {{ name: string, children: Node[] }} class of the entry, and its content
 */
export function contentOf({ decision, event, holds = [], untilMs = null, atMs, pool }) {
  if (event !== undefined) return { name: `event ${event.level}`, children: [eventLine(event)] };
  if (decision !== undefined) return decisionContent(decision);
  return { name: 'hold', children: [span(pool, atMs, holds, untilMs)] };
}

/**
 * @param {DecisionRecord} record that is no hold
 * @returns {string} sentence for screen readers
 */
export function wordsOf(record) {
  const { pool, kind, from, to, outcome } = record;
  const what = kind === 'scale' ? `scaled from ${from} to ${to}` : kind === 'drain' ? 'drains a pod' : 'replaces a pod';
  return `${pool}: ${what}, ${whyOf(record)}, ${outcome}`;
}

/**
 * @param {DecisionRecord} record
 * @returns {string}
 */
function whyOf({ why, reason }) {
  return why ?? reason.replaceAll('-', ' ');
}

/**
 * @param {number} atMs
 * @param {string} pool
 * @returns {HTMLElement[]}
 */
function start(atMs, pool) {
  return [element('time', { datetime: timeOf(atMs) }, clock(atMs)), element('b', { class: 'of' }, pool)];
}

/**
 * @param {number} atMs
 * @returns {string}
 */
function timeOf(atMs) {
  return new Date(atMs).toISOString();
}

/**
 * @param {TimelineEvent} event
 * @returns {HTMLElement}
 */
function eventLine({ atMs, pool, subject, text, runbook }) {
  const link = runbook === null ? [] : [' ', runbookLink(runbook)];
  return element(
    'p',
    { class: 'head' },
    ...start(atMs, pool),
    element('span', { class: 'told' }, element('b', {}, subject), ` ${text}`, ...link),
  );
}

/**
 * @param {DecisionRecord} record
 * @returns {{ name: string, children: Node[] }}
 */
function decisionContent(record) {
  const { pool, atMs, kind, from, to, outcome } = record;
  const move = kind === 'scale' ? `${from} → ${to}` : from === to ? kind : `${kind} ${from} → ${to}`;
  const head = [
    ...start(atMs, pool),
    element('span', { class: 'move' }, move),
    element('span', { class: 'reason' }, whyOf(record)),
  ];
  if (outcome !== '') {
    head.push(element('span', { class: failure.test(outcome) ? 'outcome failed' : 'outcome' }, outcome));
  }
  const name = kind === 'scale' ? (to > from ? 'up' : 'down') : kind;
  const more = [...arithmeticOf(record), ...inputsOf(record)];
  const folded = more.length === 0 ? [] : [element('details', {}, element('summary', {}, 'arithmetic'), ...more)];
  return { name, children: [element('p', { class: 'head' }, ...head), ...folded] };
}

/**
 * @param {string} pool
 * @param {number} atMs
 * @param {readonly DecisionRecord[]} holds the latest first
 * @param {number | null} untilMs
 * @returns {HTMLElement}
 */
function span(pool, atMs, holds, untilMs) {
  const [latest] = holds;
  const told = element(
    'span',
    { class: 'told' },
    'no change',
    element('span', { class: 'times' }, untilMs === null ? '' : lasted(untilMs - atMs)),
    latest === undefined ? '' : `: ${whyOf(latest)}`,
  );
  const parts = holds.slice(0, maxParts).map((record) => {
    const line = element(
      'p',
      { class: 'part' },
      element('time', { datetime: timeOf(record.atMs) }, clock(record.atMs)),
      ` at ${record.from}: ${whyOf(record)}`,
    );
    return element('li', {}, line, ...(record === latest ? [...arithmeticOf(record), ...inputsOf(record)] : []));
  });
  const rest = holds.length - parts.length;
  if (rest > 0) parts.push(element('li', {}, `and ${rest} more`));
  const summary = element('summary', { class: 'head' }, ...start(atMs, pool), told);
  return element('details', {}, summary, element('ul', { class: 'parts' }, ...parts));
}

/**
 * @param {number} ms
 * @returns {string} ' for 4 min'; empty below one second
 */
export function lasted(ms) {
  return ms < 1_000 ? '' : ` for ${duration(ms)}`;
}

/**
 * @param {DecisionRecord} record
 * @returns {HTMLElement[]}
 */
function arithmeticOf({ arithmetic }) {
  return arithmetic.length === 0 ? [] : [element('ul', { class: 'arithmetic' }, ...arithmetic.map(lineOf))];
}

/**
 * @param {DecisionRecord} record
 * @returns {HTMLElement[]}
 */
function inputsOf({ inputs }) {
  const rows = Object.entries(inputs).map(([name, value]) =>
    element('div', {}, element('dt', {}, name), element('dd', {}, plain(value))),
  );
  return rows.length === 0 ? [] : [element('dl', { class: 'inputs' }, ...rows)];
}

/**
 * @param {string} line of arithmetic, mostly 'need: (42 + 6) ÷ 30 per pod = 1.6 → 2 pods'
 * @returns {HTMLElement}
 */
function lineOf(line) {
  const end = line.indexOf(': ');
  if (end === -1 || end > 24) return element('li', {}, line);
  return element('li', {}, element('span', { class: 'term' }, line.slice(0, end + 1)), line.slice(end + 1));
}
