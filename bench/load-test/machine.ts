/** Description of the machine that a number was measured on, for comparison with other machines. */
import { availableParallelism, cpus, loadavg, release, type } from 'node:os';

export function describeMachine(): string {
  const model = cpus()[0]?.model.trim() ?? 'unknown processor';
  const [load] = loadavg();
  return (
    `${new Date().toISOString().slice(0, 10)}, ${availableParallelism()} cores of ${model}, ${type()} ${release()}, ` +
    `Node ${process.versions.node}, load average ${load!.toFixed(1)} at the end.\n`
  );
}
