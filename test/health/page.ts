/** The page in a real browser, looked at again and again: light and dark, phone to desktop, pools and models. Judges nothing. */
import type { Browser, Page } from 'playwright-core';
import type { PageRow } from '../support/agreement.ts';
import { launchBrowser, openPage, skip } from '../page/browser.ts';

export interface PageLook {
  /** Colours, width and view. */
  readonly look: string;
  readonly view: 'pools' | 'models';
  readonly link: string;
  readonly attention: string;
  /** Rows of pools in sight: those out of sight are not drawn. */
  readonly rows: readonly PageRow[];
  /** Texts of what is shown in the style of trouble. */
  readonly red: readonly string[];
  readonly overflowPx: number;
  /** Errors and warnings of the console since the last look. */
  readonly complaints: readonly string[];
}

const sizes = [
  { width: 1440, height: 1000 },
  { width: 390, height: 844 },
  { width: 820, height: 1180 },
  { width: 360, height: 640 },
] as const;

/** Longest wait for one look: a page whose process is starved is asked again later. */
const lookLimitMs = 10_000;

/** Read in one go, so that it is of one drawing. */
const reading = `(() => {
  const isShown = (node) => node.checkVisibility();
  const textOf = (node) => node.textContent.replaceAll(/\\s+/g, ' ').trim();
  const inSight = (node) => {
    const { top, bottom } = node.getBoundingClientRect();
    return bottom > 0 && top < innerHeight;
  };
  const rows = [...document.querySelectorAll('#pool-list .row')].filter((row) => isShown(row) && inSight(row));
  const trouble = [
    '[data-level="bad"]', '[data-level="warn"]', '.bad', '.remarks .warn', '.entry.warn', '#alarm',
    '.pod.ejected', '.pod.probing', '.pod.crash-looping', '.pod.foreign-drain', '.outcome.failed',
  ];
  const tagOf = (node) => node.id || [node.localName, ...node.classList].join('.');
  return {
    view: document.querySelector('input[name="view"]:checked').value,
    link: document.body.dataset.link,
    attention: textOf(document.querySelector('#attention')),
    rows: rows.map((row) => ({
      pool: textOf(row.querySelector('.name')),
      level: row.dataset.level,
      pods: textOf(row.querySelector('.cell.pods .number')),
    })),
    red: [...document.querySelectorAll(trouble.join())].filter(isShown).map((node) => tagOf(node) + ': ' + textOf(node).slice(0, 300)),
    overflowPx: document.documentElement.scrollWidth - innerWidth,
  };
})()`;

export class HealthPage {
  readonly #browser: Browser;
  readonly #page: Page;
  readonly #complaints: string[];
  #look = '';
  #looks = 0;

  private constructor(browser: Browser, page: Page, complaints: string[]) {
    this.#browser = browser;
    this.#page = page;
    this.#complaints = complaints;
  }

  /** @returns null where there is no browser */
  static async open(origin: string, pools: readonly string[]): Promise<HealthPage | null> {
    if (skip !== false) return null;
    const browser = await launchBrowser();
    try {
      const url = `${origin}/?${pools.map((pool) => `open=${pool}`).join('&')}`;
      const { page, complaints } = await openPage(browser, url);
      await page.locator('#pool-list .row').first().waitFor();
      const opened = new HealthPage(browser, page, complaints);
      await opened.change();
      return opened;
    } catch (error) {
      await browser.close();
      throw error;
    }
  }

  /** Changes width, colours or view: after sixteen times each pair of them has been there. */
  async change(): Promise<void> {
    const size = sizes[this.#looks % sizes.length]!;
    const isDark = Math.floor(this.#looks / sizes.length) % 2 === 1;
    const isModels = Math.floor(this.#looks / (2 * sizes.length)) % 2 === 1;
    this.#looks += 1;
    await this.#page.setViewportSize(size);
    await this.#page.emulateMedia({ colorScheme: isDark ? 'dark' : 'light' });
    await this.#page.locator(`input[name="view"][value="${isModels ? 'models' : 'pools'}"]`).check({ force: true });
    this.#look = `${isDark ? 'dark' : 'light'}, ${size.width} px, ${isModels ? 'models' : 'pools'}`;
  }

  /** @returns null where the page did not answer in time */
  async look(): Promise<PageLook | null> {
    const late = new Promise<null>((resolve) => setTimeout(resolve, lookLimitMs, null).unref());
    const read = await Promise.race([this.#page.evaluate<Omit<PageLook, 'look' | 'complaints'>>(reading), late]);
    if (read === null) return null;
    return { ...read, look: this.#look, complaints: this.#complaints.splice(0) };
  }

  /** @param file where a picture of the page as it is goes */
  async picture(file: string): Promise<void> {
    await this.#page.screenshot({ path: file, fullPage: true });
  }

  close(): Promise<void> {
    return this.#browser.close();
  }
}
