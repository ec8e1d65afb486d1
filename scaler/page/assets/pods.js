/**
 * Pods of one pool as cells: colour and sign show the state, the number shows requests in flight. The cells are one tab stop;
 * arrow keys move within. Above `maxCells` pods the serving ones become counts, so that 200 pods cost no more than a few.
 */
import { element, reconcile, setAttribute, setShown, setText } from './dom.js';
import { clock, counted } from './format.js';

/** @import { PodReport, PoolReport } from '../../../contract/scaler-api.ts' */

/** @type {Readonly<Record<PodReport['state'], { readonly sign: string, readonly words: string }>>} */
export const podStates = {
  serving: { sign: '●', words: 'serving' },
  starting: { sign: '◔', words: 'starting' },
  joining: { sign: '◔', words: 'not reached yet' },
  pending: { sign: '○', words: 'pending' },
  probing: { sign: '?', words: 'probing' },
  ejected: { sign: '✕', words: 'ejected' },
  'crash-looping': { sign: '↻', words: 'crash-looping' },
  draining: { sign: '↓', words: 'draining' },
  'foreign-drain': { sign: '⊘', words: 'drained by another' },
  terminating: { sign: '–', words: 'terminating' },
};

const maxCells = 60;
/** Largest number of cells that show a pod's name. */
const maxNamed = 24;
/** @type {ReadonlySet<PodReport['state']>} */
const sickStates = new Set(['ejected', 'crash-looping', 'foreign-drain', 'probing', 'joining']);
/** Largest number of sick pods whose reason is written out. */
const maxReasons = 3;
/** Largest number of cells, for pods that are not serving, in a collapsed pool. */
const maxUnwell = 40;

export class Pods {
  /** @type {HTMLElement} */
  node;
  #heading = element('span', { class: 'pods-count' });
  #detail = element('span', { class: 'pod-detail', 'aria-hidden': 'true' });
  #more = element('button', { type: 'button', class: 'quiet', hidden: true, 'aria-expanded': 'false' });
  #cells = element('div', { class: 'cells', role: 'toolbar' });
  #counts = element('ul', { class: 'counts', hidden: true });
  #reasons = element('ul', { class: 'pod-reasons' });
  /** @type {Map<string, Cell>} by uid */
  #rows = new Map();
  /** @type {PoolReport | null} */
  #pool = null;
  #expanded = false;
  /** Uid of the pod that the Tab key focuses. */
  #current = '';

  /**
   * @param {string} pool name of the pool
   * @param {HTMLElement} why element with the reason for the number of pods
   */
  constructor(pool, why) {
    this.#cells.setAttribute('aria-label', `Pods of ${pool}; use the arrow keys to move`);
    this.node = element(
      'div',
      { class: 'pods' },
      element('p', { class: 'pods-head' }, this.#heading, this.#detail, why, this.#more),
      this.#counts,
      this.#cells,
      this.#reasons,
    );
    this.#more.addEventListener('click', () => {
      this.#expanded = !this.#expanded;
      if (this.#pool !== null) this.draw(this.#pool);
    });
    this.#cells.addEventListener('keydown', (event) => this.#move(event));
    for (const type of ['focusin', 'pointerover']) {
      this.#cells.addEventListener(type, (event) => this.#point(event.target));
    }
    for (const type of ['focusout', 'pointerleave']) {
      this.#cells.addEventListener(type, () => this.#point(document.activeElement));
    }
  }

  /** @param {PoolReport} pool */
  draw(pool) {
    this.#pool = pool;
    const { pods } = pool;
    const inFlight = pods.reduce((sum, pod) => sum + pod.inFlight, 0);
    setText(this.#heading, `${counted(pods.length, 'pod')}, ${inFlight} in flight`);
    const many = pods.length > maxCells;
    const collapsed = many && !this.#expanded;
    const shown = collapsed ? pods.filter((pod) => pod.state !== 'serving').slice(0, maxUnwell) : pods;
    setShown(this.#more, many);
    setText(this.#more, collapsed ? `show all ${pods.length}` : 'show fewer');
    setAttribute(this.#more, 'aria-expanded', String(!collapsed));
    setShown(this.#counts, collapsed);
    if (collapsed) this.#count(pods);
    this.#cells.classList.toggle('small', shown.length > maxNamed);
    setShown(this.#cells, shown.length > 0);
    reconcile(
      this.#cells,
      this.#rows,
      shown.map((pod) => pod.uid),
      (uid) => new Cell(uid),
    );
    if (!this.#rows.has(this.#current)) this.#current = shown[0]?.uid ?? '';
    for (const pod of shown) this.#rows.get(pod.uid)?.draw(pod, pod.uid === this.#current);
    this.#showReasons(pods);
    this.#point(document.activeElement);
  }

  /** @param {string} name pod that has just answered */
  flash(name) {
    for (const row of this.#rows.values()) row.node.classList.toggle('answered', row.name === name);
  }

  /** @param {readonly PodReport[]} pods */
  #count(pods) {
    const items = [];
    for (const [state, { sign, words }] of Object.entries(podStates)) {
      const those = pods.filter((pod) => pod.state === state);
      if (those.length === 0) continue;
      const busy = those.reduce((sum, pod) => sum + pod.inFlight, 0);
      items.push(
        element(
          'li',
          { class: `pod ${state}` },
          element('span', { class: 'sign', 'aria-hidden': 'true' }, sign),
          element('b', {}, String(those.length)),
          ` ${words}${busy > 0 ? `, ${busy} in flight` : ''}`,
        ),
      );
    }
    this.#counts.replaceChildren(...items);
  }

  /**
   * Lists why pods are sick, in sight without pointing at each cell.
   * @param {readonly PodReport[]} pods
   */
  #showReasons(pods) {
    const sick = pods.filter(({ state, failure }) => sickStates.has(state) || failure !== undefined);
    const lines = sick.slice(0, maxReasons).map((pod) => {
      const reason = reasonOf(pod);
      return `${pod.name} ${podStates[pod.state].words}${reason === null ? '' : `: ${reason}`}`;
    });
    if (sick.length > maxReasons) lines.push(`and ${sick.length - maxReasons} more`);
    if (lines.join('\n') === [...this.#reasons.children].map((line) => line.textContent).join('\n')) return;
    this.#reasons.replaceChildren(...lines.map((line) => element('li', {}, line)));
  }

  /** @param {EventTarget | null} target */
  #point(target) {
    const uid = target instanceof Element ? target.closest('.pod')?.getAttribute('data-uid') : null;
    const row = uid === null || uid === undefined ? undefined : this.#rows.get(uid);
    setText(this.#detail, row === undefined ? '' : row.words);
  }

  /** @param {KeyboardEvent} event */
  #move(event) {
    const uids = [...this.#rows.keys()].filter((uid) => this.#rows.get(uid)?.node.isConnected);
    const ordered = [...this.#cells.children].map((cell) => cell.getAttribute('data-uid') ?? '');
    const at = ordered.indexOf(this.#current);
    const to = {
      ArrowRight: at + 1,
      ArrowDown: at + 1,
      ArrowLeft: at - 1,
      ArrowUp: at - 1,
      Home: 0,
      End: uids.length - 1,
    }[event.key];
    const uid = to === undefined ? undefined : ordered[Math.max(0, Math.min(ordered.length - 1, to))];
    if (uid === undefined) return;
    event.preventDefault();
    this.#rows.get(this.#current)?.node.setAttribute('tabindex', '-1');
    this.#current = uid;
    const node = this.#rows.get(uid)?.node;
    node?.setAttribute('tabindex', '0');
    node?.focus();
  }
}

/**
 * Reason of a pod's state, the kubelet's own word first where its process does not run.
 * @param {PodReport} pod
 * @returns {string | null}
 */
function reasonOf({ failure, reason }) {
  if (failure === undefined) return reason;
  const { reason: word, message, sinceMs } = failure;
  const since = sinceMs === null ? '' : `, since ${clock(sinceMs)}`;
  return `${word}${message === '' || message === word ? '' : `: ${message}`}${since}`;
}

class Cell {
  /** @type {HTMLElement} */
  node;
  name = '';
  words = '';
  #state = '';
  #sign = element('span', { class: 'sign', 'aria-hidden': 'true' });
  #short = element('span', { class: 'short' });
  #inFlight = element('b');

  /** @param {string} uid */
  constructor(uid) {
    const parts = [this.#sign, this.#short, ' ', this.#inFlight];
    this.node = element('button', { type: 'button', 'data-uid': uid }, ...parts);
  }

  /**
   * @param {PodReport} pod
   * @param {boolean} current
   */
  draw(pod, current) {
    const { sign, words } = podStates[pod.state];
    const reason = reasonOf(pod);
    const because = reason === null ? '' : `, ${reason}`;
    const restarts = pod.restarts === undefined || pod.restarts === 0 ? '' : `, ${counted(pod.restarts, 'restart')}`;
    const text = `${pod.name}: ${words}, ${pod.inFlight} in flight${restarts}${because}`;
    setAttribute(this.node, 'tabindex', current ? '0' : '-1');
    if (text === this.words) return;
    this.words = text;
    this.name = pod.name;
    if (pod.state !== this.#state) {
      this.node.className = `pod ${pod.state}`;
      this.#state = pod.state;
    }
    setText(this.#sign, sign);
    const short = pod.name.slice(pod.name.lastIndexOf('-') + 1);
    setText(this.#short, short);
    // The label starts with the visible text, so that voice control can name the cell by it.
    const visible = pod.inFlight === 0 ? `${short} idle` : `${short} ${pod.inFlight} in flight`;
    this.node.setAttribute('aria-label', `${visible}, ${words}, ${pod.name}${because}`);
    setText(this.#inFlight, pod.inFlight === 0 ? '' : String(pod.inFlight));
  }
}
