/**
 * `npm run test:clients`: other people's clients, unmodified, against the running system. They come from their package
 * index into virtual environments outside the tree, which later runs use again.
 */
import process from 'node:process';
import { Cleanup } from '../../bench/lab/rig/cleanup.ts';
import { comparePerfAnalyzer } from './perf-analyzer.ts';
import { checkTritonClient } from './triton-client.ts';

const cleanup = new Cleanup();
try {
  await checkTritonClient(cleanup);
  await comparePerfAnalyzer(cleanup);
} catch (error) {
  console.error(`test:clients: ${(error as Error).message}`);
  process.exitCode = 1;
} finally {
  await cleanup.stopAll();
}
