/** Lines of pods as a terminal may be shown them: a model's own output must not move the cursor or change colours. Pure. */

/** Control characters, the C1 set among them, whose first byte begins escape sequences too. */
// eslint-disable-next-line no-control-regex
const control = /[\u0000-\u0008\u000a-\u001f\u007f-\u009f]/g;

/** A line without control characters, also in the strings of a line of JSON, where they are escaped until it is rendered. */
export function safeLine(line: string): string {
  if (line.startsWith('{')) {
    try {
      return JSON.stringify(safeValue(JSON.parse(line)));
    } catch {
      // Not JSON.
    }
  }
  return safeText(line);
}

function safeText(text: string, kept = ''): string {
  return text.replaceAll(control, (found) =>
    found === kept ? found : `\\x${found.charCodeAt(0).toString(16).padStart(2, '0')}`,
  );
}

function safeValue(value: unknown, key = ''): unknown {
  // Stack traces have lines.
  if (typeof value === 'string') return safeText(value, key === 'stack' ? '\n' : '');
  if (Array.isArray(value)) return value.map((item) => safeValue(item));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [safeText(name), safeValue(item, name)]));
}
