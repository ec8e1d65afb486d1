/** Ports of pods at addresses of this machine, by `kubectl port-forward`: pods need not be reachable from here. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { TestContext } from 'node:test';

/** @returns an origin for each port, until the test is over */
export async function forwarded(
  t: TestContext,
  { namespace, pod, ports }: { namespace: string; pod: string; ports: readonly number[] },
): Promise<string[]> {
  // A port of ours that is left out is any free one.
  const args = ['--namespace', namespace, 'port-forward', `pod/${pod}`, ...ports.map((port) => `:${port}`)];
  const child = spawn('kubectl', args, { stdio: ['ignore', 'pipe', 'pipe'] });
  t.after(() => child.kill());
  let errors = '';
  child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()));
  const found = new Map<number, string>();
  const all = Promise.withResolvers<undefined>();
  createInterface({ input: child.stdout }).on('line', (line) => {
    const [, here, there] = /^Forwarding from 127\.0\.0\.1:(\d+) -> (\d+)$/.exec(line) ?? [];
    if (here !== undefined) found.set(Number(there), `http://127.0.0.1:${here}`);
    if (found.size === ports.length) all.resolve(undefined);
  });
  const ended = once(child, 'exit').then(() => {
    throw new Error(`kubectl port-forward ${pod}: ${errors}`);
  });
  ended.catch(() => undefined);
  await Promise.race([all.promise, ended]);
  return ports.map((port) => found.get(port)!);
}
