/** `sluice bench`: a load test of any Open Inference Protocol or KServe V1 endpoint. */
import { Command } from 'commander';
import type { BenchIo } from '../io.ts';
import { compareReports } from './compare.ts';
import { findMaximum } from './find-max.ts';
import { addBenchFlags, checkBenchFlags, type BenchFlags } from './flags.ts';
import { requireLoadGenerator } from './load-generator.ts';
import { measure } from './measure.ts';
import { asUsageError } from './usage-error.ts';

export function benchCommand(io: BenchIo): Command {
  return addBenchFlags(
    new Command('bench')
      .summary('load-test an inference endpoint')
      .description(
        'Sends requests to any endpoint of the Open Inference Protocol or KServe V1 and reports throughput and latency. In a ' +
          'closed loop (--concurrency) each connection waits for its answer before it sends again. In an open loop (--rate) ' +
          'requests leave on schedule, and their latencies count from the time at which they were due.',
      )
      .argument('[url]', 'address of the server, such as http://127.0.0.1:8080')
      .allowExcessArguments(false),
  )
    .addHelpText(
      'after',
      `
Examples:
  sluice bench http://127.0.0.1:8080 --model langid --concurrency 64
  sluice bench http://127.0.0.1:8080 --model mlp --rate 500 --body binary --report mlp.html
  sluice bench http://127.0.0.1:8080 --model mlp --rate 100,1000 --arrivals ramp --duration-s 60
  sluice bench http://127.0.0.1:8080 --model mlp --objective 100ms --percentile 99 --find-max
  sluice bench http://127.0.0.1:8080 --model mlp --rate 500 --repeats 5 --json > a.json
  sluice bench --compare a.json b.json
`,
    )
    .action(async (url: string | undefined, flags: BenchFlags) => bench(url, flags, io));
}

async function bench(url: string | undefined, flags: BenchFlags, io: BenchIo): Promise<void> {
  requireLoadGenerator();
  checkBenchFlags(url, flags);
  if (flags.compare !== undefined) return compareReports(flags.compare[0]!, flags.compare[1]!, io);
  const stop = new AbortController();
  const onSignal = (): void => stop.abort();
  process.once('SIGINT', onSignal);
  process.once('SIGTERM', onSignal);
  try {
    const { prepareLoad } = await import('../../bench/load-test/prepare.ts');
    const request = { ...flags, model: flags.model! };
    const load = await asUsageError(() => prepareLoad(new URL(url!), request));
    const run = { request, load, flags, io, signal: stop.signal };
    await (flags.findMax === true ? findMaximum(run) : measure(run));
  } finally {
    process.off('SIGINT', onSignal);
    process.off('SIGTERM', onSignal);
    io.progress?.('');
  }
}
