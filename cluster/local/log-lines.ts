/**
 * Renders output lines of child processes as text or JSON. Children log JSON (pino); other output, such as a crash of the
 * runtime, is passed on unchanged.
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
/** Fields that repeat the prefix or are of no use on a terminal. */
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

/** Parses a pino log line; null for other lines. */
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

/** Renders a line as `langid-x7f2 | info model ready, maxRows 64`. Stack traces follow on lines with the same prefix. */
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

/** Renders a line as JSON with the name of its process as `source`. */
export function renderJson(source: string, line: string, nowMs: number): string {
  const name = JSON.stringify(source);
  if (parseLogLine(line) !== null) return `{"source":${name},${line.slice(1)}`;
  return `{"source":${name},"level":30,"time":${nowMs},"msg":${JSON.stringify(line)}}`;
}

export interface ErrorText {
  readonly text: string;
  /** Importance of the error; a later error of less weight does not replace it. */
  readonly weight: 'output' | 'error' | 'fatal';
}

/**
 * Finds the error that explains the exit of a process: the last fatal error that it logged, else the last error, else the message
 * line of a stack trace. Call it for each line, with the previous result; null means no error so far.
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

/** Combines exit and error: `exit code 1 (no model can be served)`. */
export function explainExit(exit: string, why: ErrorText | null): string {
  return why === null ? exit : `${exit} (${why.text})`;
}
