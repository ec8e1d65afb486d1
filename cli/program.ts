/** The commands of `sluice`. Each loads its part of the system only when it runs, so that help and errors appear fast. */
import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import { LocalSettings } from '../deploy/local-settings.ts';
import { variableName } from '../contract/settings.ts';
import { GatewaySettings } from '../gateway/settings.ts';
import { ModelServerSettings } from '../models/settings.ts';
import { benchCommand } from './bench/command.ts';
import { ScalerSettings } from '../scaler/settings.ts';
import { completionCommand } from './completion.ts';
import { doctorCommand } from './doctor/command.ts';
import { explainCommand } from './explain.ts';
import { initCommand } from './init.ts';
import type { ProgramIo } from './io.ts';
import { gatewayCluster } from './gateway-cluster.ts';
import { tuneCollector, tunePodCollector, tuneScalerCollector } from '../runtime/process/heap.ts';
import { endWithSupervisor } from '../runtime/process/lifeline.ts';
import { scalerCluster } from './scaler-cluster.ts';
import { settingsCommand } from './settings-command.ts';
import { poolsCommand } from './pools.ts';
import { logsCommand } from './logs/command.ts';
import { proveCommand } from './prove.ts';
import { statusCommand } from './status.ts';
import { tuneCommand } from './tune/command.ts';
import { simulateCommand } from './simulate.ts';
import { misspeltVariables } from './unknown-variables.ts';
import { explainUsage, helpCommand } from './usage-hints.ts';

/** Variables that some process or command reads. */
const variables = [
  ...[LocalSettings, GatewaySettings, ScalerSettings, ModelServerSettings].flatMap(({ properties }) =>
    Object.keys(properties).map(variableName),
  ),
  'SLUICE_SCALER_URL',
];

export function buildProgram({ env, print }: ProgramIo): Command {
  const warn = (): void => {
    // Processes of a supervisor have its environment, and it has warned.
    if (process.connected) return;
    for (const line of misspeltVariables(env, variables)) process.stderr.write(`sluice: ${line}\n`);
  };
  const program = new Command('sluice')
    .description('An inference gateway that batches ONNX predict requests over model-server pods.')
    .version(version())
    .helpCommand(false)
    .addHelpText(
      'after',
      `
Examples:
  sluice up                                 everything on this machine, with the bundled models
  sluice up --repository ./my-models        your own models: my-models/<model>/<version>/model.onnx
  sluice <command> --help                   flags, environment variables and defaults of a command
`,
    );
  program.addCommand(
    settingsCommand({
      name: 'up',
      summary: 'run everything on this machine: a gateway, a scaler and model-server pods',
      description:
        'Runs a gateway, a scaler and model-server pods as processes on this machine. Ctrl-C drains and stops them.',
      schema: LocalSettings,
      examples: [
        'sluice up',
        'sluice up --repository ./my-models --pods 4',
        'sluice up --pools pools.yaml --port 9000',
        'SLUICE_LOG_FORMAT=json sluice up --models langid',
      ],
      env,
      print,
      warn,
      run: async (settings) => (await import('./up.ts')).up(settings, { env }),
    }),
  );
  program.addCommand(
    settingsCommand({
      name: 'gateway',
      summary: 'run only a gateway',
      description: 'Accepts predict requests, queues and batches them, and sends the batches to pods.',
      schema: GatewaySettings,
      examples: [
        'sluice gateway --pools pools.yaml            pools whose spec.endpoints lists the servers',
        'sluice gateway --pools pools.yaml --port 9000 --admin-port 9001',
        'sluice gateway --cluster kubernetes          pools and pods from the API server',
      ],
      env,
      print,
      warn,
      run: async (settings) => {
        tuneCollector();
        endWithSupervisor();
        const cluster = await gatewayCluster(settings);
        await (await import('../gateway/main.ts')).main(settings, { cluster, version: version() });
      },
    }),
  );
  program.addCommand(
    settingsCommand({
      name: 'scaler',
      summary: 'run only a scaler',
      description:
        'Reads the load reports of the gateways, resizes pools, drains and replaces pods, and serves the live page.',
      schema: ScalerSettings,
      examples: ['sluice scaler --cluster kubernetes --namespace models'],
      env,
      print,
      warn,
      run: async (settings) => {
        tuneScalerCollector();
        endWithSupervisor();
        const cluster = await scalerCluster(settings);
        await (await import('../scaler/main.ts')).main(settings, { cluster, version: version() });
      },
    }),
  );
  program.addCommand(
    settingsCommand({
      name: 'model-server',
      summary: 'run only a model server, the process of a pod',
      description: 'Serves the ONNX models of a repository over the Open Inference Protocol, in this process.',
      schema: ModelServerSettings,
      examples: [
        'sluice model-server --repository ./my-models',
        'sluice model-server --repository ./my-models --models langid --max-rows 16 --port 8000',
      ],
      env,
      print,
      warn,
      run: async (settings) => {
        tunePodCollector();
        endWithSupervisor();
        await (await import('../models/main.ts')).main(settings);
      },
    }),
  );
  program.addCommand(statusCommand({ env, print }));
  program.addCommand(poolsCommand({ env, print }));
  program.addCommand(explainCommand({ env, print }));
  program.addCommand(logsCommand({ env, print }));
  program.addCommand(proveCommand({ env, print }));
  program.addCommand(simulateCommand({ print }));
  const progress = process.stderr.isTTY ? { progress: showStatus } : {};
  program.addCommand(benchCommand({ print, ...progress }));
  program.addCommand(tuneCommand({ env, print, ...progress }));
  program.addCommand(doctorCommand({ env, print }));
  program.addCommand(initCommand({ print }));
  program.addCommand(completionCommand(program, { print }));
  program.addCommand(helpCommand(program));
  explainUsage(program);
  return program;
}

/** Replaces the status line on the terminal; an empty line clears it. */
function showStatus(line: string): void {
  process.stderr.write(`\r\u001b[2K${line.slice(0, process.stderr.columns - 1)}`);
}

function version(): string {
  const text = readFileSync(new URL('../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}
