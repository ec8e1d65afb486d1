/**
 * A real browser for the tests of the page, Debian's `chromium`. Without it they are skipped, loudly; where CI=true they
 * fail, since a test that never runs proves nothing.
 */
import { existsSync } from 'node:fs';
import path from 'node:path';
import { chromium, type Browser, type Page } from 'playwright-core';

const folders = (process.env['PATH'] ?? '').split(path.delimiter).filter((folder) => folder !== '');
const executablePath = ['chromium', 'chromium-browser', 'google-chrome']
  .flatMap((name) => folders.map((folder) => path.join(folder, name)))
  .find((file) => existsSync(file));

const missing = 'NO BROWSER: the page is NOT tested. Install chromium (Debian: apt-get install chromium).';
if (executablePath === undefined) {
  if (process.env['CI'] === 'true') throw new Error(missing);
  console.error(`\n*** ${missing} ***\n`);
}

/** Reason to skip browser tests, or false, for `test(…, { skip })`. */
export const skip = executablePath === undefined ? missing : false;

/** Conditions are waited for this long: the machine may be starved. */
export const patienceMs = 120_000;

export async function launchBrowser(): Promise<Browser> {
  return chromium.launch({
    executablePath: executablePath!,
    args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage'],
    timeout: 120_000,
  });
}

export interface Look {
  readonly width?: number;
  readonly height?: number;
  readonly colorScheme?: 'light' | 'dark';
  readonly scale?: number;
}

export interface OpenPage {
  readonly page: Page;
  /** Errors and warnings of the console, uncaught errors, refused requests. */
  readonly complaints: string[];
  /** Addresses that were asked for. */
  readonly requests: string[];
}

/** Opens a page in a context of its own, and collects its errors and its requests. */
export async function openPage(browser: Browser, url: string, look: Look = {}): Promise<OpenPage> {
  const { width = 1440, height = 900, colorScheme = 'light', scale = 1 } = look;
  const context = await browser.newContext({
    viewport: { width, height },
    colorScheme,
    deviceScaleFactor: scale,
    reducedMotion: 'reduce',
  });
  const page = await context.newPage();
  page.setDefaultTimeout(patienceMs);
  const complaints: string[] = [];
  const requests: string[] = [];
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(String(error)));
  page.on('request', (request) => requests.push(request.url()));
  await page.goto(url);
  return { page, complaints, requests };
}
