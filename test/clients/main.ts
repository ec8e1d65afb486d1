/**
 * `npm run test:clients`: other people's clients, unmodified, against the running system. They come from their package
 * index into virtual environments outside the tree, which later runs use again.
 */
import process from 'node:process';
import { Running } from '../../bench/lab/rig/running.ts';
import { comparePerfAnalyzer } from './perf-analyzer.ts';
import { checkTritonClient } from './triton-client.ts';

const running = new Running();
try {
  await checkTritonClient(running);
  await comparePerfAnalyzer(running);
} catch (error) {
  console.error(`test:clients: ${(error as Error).message}`);
  process.exitCode = 1;
} finally {
  await running.stopAll();
}
