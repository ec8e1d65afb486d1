/** Reads one number from Prometheus' text format, which is all that a measurement needs. */

/** Sum of a metric over its label sets, or over those with all `labels` (`state="serving"`); 0 where there is none yet. */
export function sumOf(text: string, name: string, ...labels: readonly string[]): number {
  let sum = 0;
  for (const line of text.split('\n')) {
    if (!line.startsWith(name) || !labels.every((label) => line.includes(label))) continue;
    const after = line[name.length];
    if (after !== ' ' && after !== '{') continue;
    // A label's value may hold a brace or a space, so the number begins after the last brace.
    const rest = line.slice(after === '{' ? line.lastIndexOf('}') + 1 : name.length);
    sum += Number(rest.trim().split(' ')[0]);
  }
  return sum;
}

/** Value of the label `name` in the first line that has `label` too; null where there is none. */
export function labelBeside(text: string, label: string, name: string): string | null {
  const pattern = new RegExp(`[{,]${name}="([^"]*)"`);
  const line = text.split('\n').find((each) => each.includes(label) && pattern.test(each));
  return line === undefined ? null : (pattern.exec(line)?.[1] ?? null);
}
