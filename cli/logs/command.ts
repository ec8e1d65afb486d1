/** `sluice logs`: the last lines of a pod or of a pool's pods, of a running `sluice up` or of Kubernetes. */
import { Command, Option } from 'commander';
import { renderJson, renderPretty } from '../../cluster/local/log-lines.ts';
import { whole } from '../../runtime/process/flag-values.ts';
import { askOptions } from '../ask-scaler.ts';
import type { ProgramIo } from '../io.ts';
import type { LogsFlags, LogSink } from './request.ts';
import { safeLine } from './safe-line.ts';

export function logsCommand({ env, print }: ProgramIo): Command {
  const command = new Command('logs')
    .summary("show a pod's last lines")
    .description(
      'Shows the last lines of a pod, or of all pods of a pool. A pod of `sluice up` has its last 1,000 lines, those that the ' +
        'terminal left out included; a pod of Kubernetes has what kubectl logs shows.',
    )
    .argument('<pod>', 'name of a pod, or pool/NAME for all pods of a pool')
    .option('--follow', 'go on with new lines, until Ctrl-C or until the pod is gone')
    .addOption(new Option('--tail <n>', 'last lines to begin with (default: all)').argParser(whole(0)))
    .option('--previous', 'lines of the process before the last restart')
    .addOption(new Option('--cluster <kind>', 'who runs the pods').choices(['local', 'kubernetes']).default('local'))
    .option('--namespace <names>', 'Kubernetes: namespaces, separated by commas; that of the credentials if omitted')
    .option('--container <name>', 'Kubernetes: container of the pod, where it has several')
    .addHelpText(
      'after',
      `
Examples:
  sluice logs default-x7f2 --tail 50
  sluice logs pool/default --follow
  sluice logs default-x7f2 --previous
  sluice logs pool/langid --cluster kubernetes --namespace models
`,
    );
  return askOptions(command, env).action(async (pod: string, flags: LogsFlags) => {
    const stop = new AbortController();
    const onSignal = (): void => stop.abort();
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, onSignal);
    const line: LogSink['line'] = (name, text, atMs) => {
      const safe = safeLine(text);
      print(flags.json === true ? renderJson(name, safe, atMs) : renderPretty(name, safe));
    };
    const sink = { line, signal: stop.signal };
    try {
      if (flags.cluster === 'local') await (await import('./local.ts')).showLocal(pod, flags, sink);
      else await (await import('./kubernetes.ts')).showKubernetes(pod, flags, sink);
    } finally {
      for (const signal of ['SIGINT', 'SIGTERM'] as const) process.off(signal, onSignal);
    }
  });
}
