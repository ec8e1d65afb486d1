/** A page of the stand-in scaler in a browser of its own, for one test file. */
import { after, before, type TestContext } from 'node:test';
import type { Browser, Page } from 'playwright-core';
import type { FakeScaler } from '../../scaler/page/testing/fake-scaler.ts';
import { setTimeout as delay } from 'node:timers/promises';
import { launchBrowser, openPage, patienceMs, skip, type Look, type OpenPage } from './browser.ts';

export interface FakeOptions {
  readonly look?: Look;
  readonly gatewayUrl?: string | null;
  /** Query of the page's address, such as `?open=langid`. */
  readonly query?: string;
}

/** @returns a function that opens the page of a stand-in; both end with the test */
export function fakePages(): (t: TestContext, fake: FakeScaler, options?: FakeOptions) => Promise<OpenPage> {
  let browser: Browser;
  before(async () => {
    if (skip === false) browser = await launchBrowser();
  });
  after(async () => {
    if (skip === false) await browser.close();
  });
  return async (t, fake, { look, gatewayUrl = null, query = '' } = {}) => {
    t.after(() => fake.close());
    const opened = await openPage(browser, `${await fake.start(gatewayUrl)}/${query}`, look);
    t.after(() => opened.page.context().close());
    return opened;
  };
}

export const text = (page: Page, selector: string) => page.locator(selector).first().innerText();
export const shows = (page: Page, words: string | RegExp) =>
  page.getByText(words).filter({ visible: true }).first().waitFor();
/** Row of a pool in the table. */
export const rowOf = (page: Page, pool: string) =>
  page.locator('#pool-list .row', { has: page.getByRole('button', { name: pool, exact: true }) });
/** Names of the pools in the order of the table. */
export const order = (page: Page) => page.locator('#pool-list .row .name:visible').allInnerTexts();

/** Waits until an expression is true in the page, whose policy forbids that a waiting function of the page itself is made of text. */
export async function becomes(page: Page, expression: string): Promise<void> {
  for (const endMs = performance.now() + patienceMs; performance.now() < endMs; await delay(50)) {
    if ((await page.evaluate(expression)) === true) return;
  }
  throw new Error(`never true: ${expression}`);
}
