/** Guides as programs: the files that a page of docs/ shows, its commands, and the answer that it shows below each of them. */
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

export interface Guide {
  /** Text of each file that the page shows, by its path. */
  readonly files: ReadonlyMap<string, string>;
  /** Packages, `name@version`, that the page installs into a model's folder. */
  readonly packages: readonly string[];
  readonly requests: readonly GuideRequest[];
}

export interface GuideRequest {
  readonly command: string;
  /** Answer that the page shows before its next command; null without one. */
  readonly answer: unknown;
}

/** Fenced block of a page: its language, its text, and the file that the line above it names, in backticks and with a colon. */
export interface Block {
  readonly file: string | undefined;
  readonly language: string;
  readonly body: string;
}

const fence = /^(?:`([^`\n]+)`:\n\n)?```(\w*)\n(.*?)^```$/gms;

export function blocksOf(text: string): Block[] {
  return [...text.matchAll(fence)].map(([, file, language, body]) => ({ file, language: language!, body: body! }));
}

export function readPage(page: string): string {
  return readFileSync(new URL(`../../docs/${page}`, import.meta.url), 'utf8');
}

export function readGuide(page: string): Guide {
  const files = new Map<string, string>();
  const packages: string[] = [];
  const requests: { command: string; answer: unknown }[] = [];
  for (const { file, language, body } of blocksOf(readPage(page))) {
    if (file !== undefined) files.set(file, body);
    else if (language === 'json') requests.at(-1)!.answer = JSON.parse(body);
    else if (language === 'sh' && body.startsWith('curl ')) requests.push({ command: body, answer: null });
    else if (language === 'sh') packages.push(.../^npm install --prefix \S+ (.*)$/m.exec(body)![1]!.split(' '));
  }
  return { files, packages, requests };
}

/** Runs a command of a page with its address replaced. @returns the body that curl got */
export async function runCommand(command: string, origin: string, directory: string): Promise<Buffer> {
  const script = command.replaceAll('http://127.0.0.1:8080', origin);
  const { stdout } = await promisify(execFile)('bash', ['-c', script], { cwd: directory, encoding: 'buffer' });
  return stdout;
}

/** Folder of an installed package, which a test links to where the page installs it. */
export function installedPackage(name: string): string {
  return fileURLToPath(new URL(`../../node_modules/${name}`, import.meta.url));
}
