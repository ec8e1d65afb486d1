/**
 * Lines of child processes, for a terminal or for a machine. Children log JSON (pino); what else they write, such as
 * a crash of the runtime, is passed on as it is.
 */
import { styleText } from 'node:util';

export type LogLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal';

export interface LogLine {
  readonly level: LogLevel;
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

const levelNames: Readonly<Record<number, LogLevel>> = {
  10: 'trace',
  20: 'debug',
  30: 'info',
  40: 'warn',
  50: 'error',
  60: 'fatal',
};
/** What the prefix says already, or what nobody reads on a terminal. */
const omitted = new Set([
  'level',
  'time',
  'pid',
  'hostname',
  'msg',
  'v',
  'name',
  'pod',
  'podName',
  'podUid',
  'uid',
  'component',
]);

/** null for a line that isn't pino's. */
export function parseLogLine(line: string): LogLine | null {
  if (!line.startsWith('{')) return null;
  let entry: Record<string, unknown>;
  try {
    entry = JSON.parse(line) as Record<string, unknown>;
  } catch {
    return null;
  }
  const level = levelNames[entry.level as number];
  if (level === undefined) return null;
  const fields = Object.fromEntries(Object.entries(entry).filter(([key]) => !omitted.has(key)));
  return { level, message: typeof entry.msg === 'string' ? entry.msg : '', fields };
}

/** `langid-x7f2 | info model ready, maxRows 64`. A stack goes below its line, each line with the prefix. */
export function renderPretty(source: string, line: string): string {
  const prefix = styleText('dim', `${source} |`);
  const parsed = parseLogLine(line);
  if (parsed === null) return `${prefix} ${line}`;
  const { level, message, fields } = parsed;
  const parts = [message];
  let stack = '';
  for (const [key, value] of Object.entries(fields)) {
    if (value === null) continue;
    if (key === 'err' && typeof value === 'object') {
      const error = value as { message?: unknown; stack?: unknown };
      if (typeof error.message === 'string' && !message.includes(error.message)) parts.push(error.message);
      if (typeof error.stack === 'string' && (level === 'error' || level === 'fatal')) stack = error.stack;
    } else {
      parts.push(`${key} ${typeof value === 'string' ? value : JSON.stringify(value)}`);
    }
  }
  const text = `${prefix} ${styleLevel(level)} ${parts.filter((part) => part !== '').join(', ')}`;
  const frames = stack.split('\n').filter((frame) => frame.trimStart().startsWith('at '));
  return [text, ...frames.map((frame) => `${prefix} ${frame}`)].join('\n');
}

function styleLevel(level: LogLevel): string {
  switch (level) {
    case 'error':
    case 'fatal':
      return styleText('red', level);
    case 'warn':
      return styleText('yellow', level);
    case 'info':
      return styleText('green', level);
    case 'debug':
    case 'trace':
      return styleText('dim', level);
  }
}

/** The line as JSON, with the name of the process that wrote it. */
export function renderJson(source: string, line: string, nowMs: number): string {
  const name = JSON.stringify(source);
  if (parseLogLine(line) !== null) return `{"source":${name},${line.slice(1)}`;
  return `{"source":${name},"level":30,"time":${nowMs},"msg":${JSON.stringify(line)}}`;
}

export interface ErrorText {
  readonly text: string;
  /** How much it explains; a lesser error that comes later doesn't replace it. */
  readonly weight: 'output' | 'error' | 'fatal';
}

/**
 * Why a process ended, from its lines: the last fatal error it logged, else the last error, else the line of a
 * runtime's stack trace that says what went wrong. Feed it each line; null while nothing looked like an error.
 */
export function nextErrorText(before: ErrorText | null, line: string, stream: 'stdout' | 'stderr'): ErrorText | null {
  const found = errorText(line, stream);
  if (found === null || before === null) return found ?? before;
  const weights = ['output', 'error', 'fatal'];
  return weights.indexOf(found.weight) >= weights.indexOf(before.weight) ? found : before;
}

function errorText(line: string, stream: 'stdout' | 'stderr'): ErrorText | null {
  const parsed = parseLogLine(line);
  if (parsed !== null) {
    const { level, message, fields } = parsed;
    if (level !== 'error' && level !== 'fatal') return null;
    const cause = (fields.err as { message?: unknown } | undefined)?.message;
    const text = typeof cause === 'string' && !message.includes(cause) ? `${message}: ${cause}` : message;
    return { text, weight: level };
  }
  const isNoise = stream === 'stdout' || /^(\s|$|[{}^]|\(|Node\.js v|node:|file:)/.test(line);
  return isNoise ? null : { text: line.replace(/^(sluice: )?(Error: )?/, ''), weight: 'output' };
}

/** `exit code 1 (no model can be served)` */
export function explainExit(exit: string, why: ErrorText | null): string {
  return why === null ? exit : `${exit} (${why.text})`;
}
