/** `sluice bench --compare`: the ratio of two reports. */
import { readFileSync } from 'node:fs';
import type { BenchIo } from '../io.ts';
import { asUsageError } from './usage-error.ts';

export async function compareReports(fileA: string, fileB: string, { print }: BenchIo): Promise<void> {
  const { parseBenchReport, renderComparison } = await import('../../bench/load-test/compare.ts');
  const [a, b] = await Promise.all(
    [fileA, fileB].map((file) => asUsageError(() => parseBenchReport(readFileSync(file, 'utf8'), file))),
  );
  print(renderComparison(a!, b!));
}
