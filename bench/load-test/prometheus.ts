/** Reads the text that Prometheus scrapes, as far as a measurement needs it: one number of one name. */

/** The sum of a metric over its label sets, those that have `label` (`state="serving"`); 0 where there is none yet. */
export function sumOf(text: string, name: string, label = ''): number {
  let sum = 0;
  for (const line of text.split('\n')) {
    if (!line.startsWith(name) || !line.includes(label)) continue;
    const after = line[name.length];
    if (after !== ' ' && after !== '{') continue;
    // A label's value may hold a brace or a space; the number is what follows the last brace.
    const rest = line.slice(after === '{' ? line.lastIndexOf('}') + 1 : name.length);
    sum += Number(rest.trim().split(' ')[0]);
  }
  return sum;
}
