/** State of the page that its address keeps: open pools, view, window, filters. A reload or a link shows the same. */
import { windows } from './history.js';

/** @import { HistoryWindow } from '../../../contract/history-report.ts' */

/** Open pools that an address names: it must not grow without bound. */
const maxOpen = 50;

export class UrlState {
  #params = new URLSearchParams(location.search);

  /** @returns {HistoryWindow} */
  get window() {
    const name = this.#params.get('window') ?? '';
    return Object.hasOwn(windows, name) ? /** @type {HistoryWindow} */ (name) : '5m';
  }

  /** @param {HistoryWindow} window */
  set window(window) {
    this.#set('window', window === '5m' ? '' : window);
  }

  /** @returns {'pools' | 'models'} */
  get view() {
    return this.#params.get('view') === 'models' ? 'models' : 'pools';
  }

  /** @param {'pools' | 'models'} view */
  set view(view) {
    this.#set('view', view === 'pools' ? '' : view);
  }

  get find() {
    return this.#params.get('find') ?? '';
  }

  /** @param {string} text */
  set find(text) {
    this.#set('find', text);
  }

  /**
   * @param {string} pool
   * @returns {boolean}
   */
  isOpen(pool) {
    return this.#params.getAll('open').includes(pool);
  }

  /**
   * @param {string} pool
   * @param {boolean} open
   */
  setOpen(pool, open) {
    const others = this.#params.getAll('open').filter((name) => name !== pool);
    this.#params.delete('open');
    const names = open ? [...others, pool] : others;
    for (const name of names.slice(-maxOpen)) this.#params.append('open', name);
    this.#write();
  }

  /**
   * @param {string} name
   * @param {string} value empty removes it
   */
  #set(name, value) {
    if (value === '') this.#params.delete(name);
    else this.#params.set(name, value);
    this.#write();
  }

  #write() {
    const query = this.#params.toString();
    history.replaceState(null, '', `${location.pathname}${query === '' ? '' : `?${query}`}${location.hash}`);
  }
}
