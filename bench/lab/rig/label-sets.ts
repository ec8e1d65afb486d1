/** Number of label sets in a scraped text; the buckets, sum and count of a histogram are one. */
export function labelSets(text: string): number {
  const seen = new Set<string>();
  for (const line of text.split('\n')) {
    if (line === '' || line.startsWith('#')) continue;
    const series = line.slice(0, line.lastIndexOf(' '));
    seen.add(
      series
        .replace(/_(?:bucket|sum|count)(?=\{|$)/, '')
        .replace(/,le="[^"]*"|le="[^"]*",?/, '')
        .replace('{}', ''),
    );
  }
  return seen.size;
}
