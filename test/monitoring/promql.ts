/**
 * Parts of a PromQL expression that can be wrong without a syntax error: metric names, labels in braces, labels to group by.
 * Not a parser: whether an expression is PromQL at all is for promtool and Prometheus to say.
 */
export interface Selector {
  readonly metric: string;
  readonly matchers: readonly { readonly label: string; readonly operator: string; readonly value: string }[];
}

export interface Grouping {
  readonly labels: readonly string[];
  /** Selectors inside the grouped expression. */
  readonly of: readonly Selector[];
}

const keywords = new Set(
  'by without on ignoring group_left group_right and or unless bool offset inf nan start end'.split(' '),
);
const selector = /(?<![\w:.$])([a-zA-Z_:][\w:]*)(?:\{([^}]*)\})?/g;
const matcher = /(\w+)\s*(=~|!~|!=|=)\s*"((?:[^"\\]|\\.)*)"/g;

export function selectors(expr: string): Selector[] {
  const found: Selector[] = [];
  // Labels of groupings and joins, and durations, are no metrics. What is in quotes stays: it is in braces.
  const bare = expr
    .replaceAll(/\b(by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)/g, '$1')
    .replaceAll(/\[[^\]]*\]/g, '');
  for (const { 0: text, 1: metric, 2: braces = '', index } of bare.matchAll(selector)) {
    const isFunction = /^\s*(\(|(by|without)\b)/.test(bare.slice(index + text.length));
    if (keywords.has(metric!.toLowerCase()) || isFunction || insideBraces(bare, index)) continue;
    const matchers = [...braces.matchAll(matcher)].map(([, label, operator, value]) => ({
      label: label!,
      operator: operator!,
      value: value!,
    }));
    found.push({ metric: metric!, matchers });
  }
  return found;
}

export function groupings(expr: string): Grouping[] {
  return [...expr.matchAll(/\b(?:by)\s*\(([^)]*)\)\s*\(/g)].map((match) => ({
    labels: match[1]!.split(',').map((label) => label.trim()),
    of: selectors(inParentheses(expr, match.index + match[0].length)),
  }));
}

/** Labels by which two sides are joined. */
export function joins(expr: string): string[] {
  return [...expr.matchAll(/\bon\s*\(([^)]*)\)/g)].flatMap((match) =>
    match[1]!.split(',').map((label) => label.trim()),
  );
}

/** From after an opening parenthesis to the one that closes it. */
function inParentheses(text: string, start: number): string {
  let depth = 1;
  for (let end = start; end < text.length; end += 1) {
    if (text[end] === '(') depth += 1;
    if (text[end] === ')') depth -= 1;
    if (depth === 0) return text.slice(start, end);
  }
  throw new Error(`no closing parenthesis in: ${text}`);
}

function insideBraces(text: string, index: number): boolean {
  return text.lastIndexOf('{', index) > text.lastIndexOf('}', index);
}
