/**
 * Words for what went wrong in user code: an error with the place in the user's file that it came from, or the end of a child
 * process from its exit and the last lines that it wrote. Pure.
 */
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { quote } from '../../contract/errors.ts';

const longest = 600;

/**
 * @param folder real path of the model's folder; places are told relative to it
 * @returns `TypeError: x is not a function (transform.ts:12:5)`
 */
export function describeError(error: unknown, folder: string): string {
  if (!(error instanceof Error)) return cut(`threw ${quote(error)}, which is no Error`);
  const place = placeOf(error.stack ?? '', folder);
  const { code } = error as { code?: unknown };
  const coded = typeof code === 'string' && !error.message.includes(code) ? ` [${code}]` : '';
  const text = `${error.name}${coded}: ${error.message}`;
  return place === null ? cut(text) : `${cut(text)} (${place})`;
}

const headPattern = /^(file:\/\/\S+|\/[^:\n]+):(\d+)(?::(\d+))?$/m;
const framePattern = /^\s+at (?:.*\()?(?:async )?(file:\/\/[^\s)]+|\/[^)\n]+?):(\d+):(\d+)\)?$/gm;

/** @returns the place of a stack that lies in the model's folder, the user's own files first; null if none does */
export function placeOf(stack: string, folder: string): string | null {
  const head = headPattern.exec(stack);
  if (head !== null) {
    const file = within(head[1]!, folder);
    if (file !== null) return `${file}:${head[2]!}`;
  }
  let fallback: string | null = null;
  for (const [, where, line, column] of stack.matchAll(framePattern)) {
    const file = within(where!, folder);
    if (file === null) continue;
    const place = `${file}:${line!}:${column!}`;
    if (!file.includes('node_modules')) return place;
    fallback ??= place;
  }
  return fallback;
}

function within(where: string, folder: string): string | null {
  let file: string;
  try {
    file = where.startsWith('file:') ? fileURLToPath(where.replace(/\?.*$/, '')) : where;
  } catch {
    return null;
  }
  const relative = path.relative(folder, file);
  return relative.startsWith('..') || path.isAbsolute(relative) ? null : relative;
}

/** @param lastLines the end of what the process wrote to stderr */
export function describeExit(
  exit: { code: number | null; signal: string | null },
  lastLines: string,
  folder: string,
): string {
  const ended = exit.signal === null ? `ended with exit code ${exit.code ?? '?'}` : `was killed by ${exit.signal}`;
  const told =
    /^(?:FATAL ERROR|# Fatal).*$/m.exec(lastLines)?.[0] ??
    /^process\.(?:exit|abort)\(.*$/m.exec(lastLines)?.[0] ??
    /^(?:Uncaught )?[\w.]*(?:Error|Exception|BadInput)\b.*$/m.exec(lastLines)?.[0];
  const place = placeOf(lastLines, folder);
  const detail = [told, place === null || told?.includes(place) === true ? undefined : `(${place})`].filter(
    (part) => part !== undefined,
  );
  return detail.length === 0 ? `its process ${ended}` : `its process ${ended}: ${cut(detail.join(' '))}`;
}

function cut(text: string): string {
  const line = text.replaceAll(/\s*\n\s*/g, ' ');
  return line.length <= longest ? line : `${line.slice(0, longest - 3)}...`;
}
