/** Run of `sluice tune`: measures setting after setting until the search is done, its time is over, or it is interrupted. */
import { parseModelConfig } from '../../models/repository/model-config.ts';
import { RepositoryError, scanRepository, type ModelFolder } from '../../models/repository/repository.ts';
import { SettingsError } from '../../contract/settings.ts';
import { exitInterrupted } from '../../runtime/process/usage.ts';
import { exitMissed } from '../bench/exit-codes.ts';
import type { BenchIo, ProgramIo } from '../io.ts';
import { measureSetting, type TuneLoad } from './measure-setting.ts';
import { cheapest, nextSetting, type TuneGrid, type TuneSetting } from './policy/next-setting.ts';
import { configYaml, poolYaml, writeSettingFiles, type TuneTarget } from './setting-files.ts';
import { settingText, trialText, tuneChart, type TuneTrial } from './text.ts';
import { startTuned } from './tuned-system.ts';

export interface TuneFlags {
  readonly model: string;
  readonly repository: string;
  readonly objective: number;
  readonly percentile: number;
  readonly rate?: number;
  readonly cores: number;
  readonly maxRows: readonly number[];
  readonly rows: number;
  readonly body: string;
  readonly shape: Readonly<Record<string, readonly number[]>>;
  readonly durationS: number;
  readonly minutes: number;
  readonly json?: true;
}

type TuneIo = BenchIo & Pick<ProgramIo, 'env'>;

/** First rate of the first search; later ones begin at half of the highest found. */
const firstPerSecond = 50;

/** @throws SettingsError about the model, or about a system that did not start */
export async function tune(flags: TuneFlags, io: TuneIo): Promise<void> {
  const model = await modelOf(flags);
  const target = { model, latencyMs: flags.objective, percentile: flags.percentile };
  const grid = { cores: flags.cores, maxRows: rowsOf(flags, model), perSecond: flags.rate ?? null };
  const stop = new AbortController();
  // A second Ctrl-C reaches sluice up too, which is in the same process group and then kills its processes.
  const onSignal = (): void => stop.abort();
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  for (const signal of signals) process.on(signal, onSignal);
  const signal = AbortSignal.any([stop.signal, AbortSignal.timeout(flags.minutes * 60_000)]);
  const trials: TuneTrial[] = [];
  let isDone = false;
  try {
    while (!signal.aborted) {
      const step = nextSetting(grid, trials);
      isDone = step.kind === 'done';
      if (step.kind === 'done') break;
      const figures = await measured(step.setting, { target, load: loadOf(flags, trials) }, { io, signal });
      if (figures === null) break;
      const trial = { ...step.setting, ...figures };
      trials.push(trial);
      io.progress?.('');
      if (flags.json !== true) io.print(trialText(trial));
    }
  } finally {
    for (const signal of signals) process.off(signal, onSignal);
    io.progress?.('');
  }
  const chosen = cheapest(grid, trials);
  if (stop.signal.aborted) process.exitCode = exitInterrupted;
  else if (chosen === null) process.exitCode = exitMissed;
  const result = { grid, target, trials, chosen, isDone };
  io.print(flags.json === true ? resultJson(result) : resultText(result, stop.signal.aborted));
}

async function measured(
  setting: TuneSetting,
  { target, load }: { readonly target: TuneTarget; readonly load: TuneLoad },
  { io, signal }: { readonly io: TuneIo; readonly signal: AbortSignal },
): ReturnType<typeof measureSetting> {
  const progress = (line: string): void => io.progress?.(`${settingText(setting)}: ${line}`);
  progress('starting');
  const files = writeSettingFiles(target, setting);
  try {
    const system = await startTuned(files, io.env, signal);
    if (system === null) return null;
    try {
      return await measureSetting(system.origin, load, { signal, progress });
    } finally {
      progress('stopping');
      await system.stop();
    }
  } finally {
    files.remove();
  }
}

/** @throws SettingsError */
async function modelOf({ repository, model }: TuneFlags): Promise<ModelFolder> {
  try {
    const [folder] = await scanRepository(repository, [model.normalize('NFC')]);
    if (folder === undefined || folder.problem !== null) {
      throw new SettingsError([`--model ${model}: can't be served: ${folder?.problem ?? 'it is no model'}`]);
    }
    return folder;
  } catch (error) {
    if (!(error instanceof RepositoryError)) throw error;
    throw new SettingsError([`--model ${model}: ${error.message}`]);
  }
}

/** Largest runs to try, below that of the model's own `config.yaml`, which would hold in any case. */
function rowsOf({ maxRows }: TuneFlags, { configText }: ModelFolder): readonly number[] {
  const most = (configText === null ? undefined : parseModelConfig(configText).maxRows) ?? Infinity;
  return [...new Set(maxRows.map((rows) => Math.min(rows, most)))];
}

function loadOf(flags: TuneFlags, trials: readonly TuneTrial[]): TuneLoad {
  const highest = Math.max(0, ...trials.map(({ keptPerSecond }) => keptPerSecond));
  return {
    request: {
      model: flags.model,
      protocol: 'oip',
      rate: [flags.rate ?? firstPerSecond],
      arrivals: 'poisson',
      speedUp: 1,
      durationS: flags.durationS,
      timeoutS: 30,
      body: flags.body,
      rows: flags.rows,
      shape: flags.shape,
      bodies: 8,
      header: {},
      seed: 1,
      maxInFlight: 4096,
    },
    objective: { latencyMs: flags.objective, percentile: flags.percentile },
    perSecond: flags.rate ?? null,
    startPerSecond: highest === 0 ? firstPerSecond : highest / 2,
  };
}

interface TuneResult {
  readonly grid: TuneGrid;
  readonly target: TuneTarget;
  readonly trials: readonly TuneTrial[];
  readonly chosen: TuneTrial | null;
  /** Whether the search came to its end. */
  readonly isDone: boolean;
}

function resultJson({ grid, target, trials, chosen, isDone }: TuneResult): string {
  const { model, latencyMs, percentile } = target;
  const yaml =
    chosen === null
      ? null
      : { 'pools.yaml': poolYaml(target, chosen, mostPods(grid, chosen)), 'config.yaml': configYaml(chosen) };
  const objective = { latencyMs, percentile };
  return JSON.stringify({ model: model.name, objective, ...grid, complete: isDone, trials, chosen, yaml }, null, 2);
}

function resultText({ grid, target, trials, chosen, isDone }: TuneResult, isInterrupted: boolean): string {
  const { model, latencyMs, percentile } = target;
  const goal = `${percentile}% within ${latencyMs} ms${grid.perSecond === null ? '' : ` at ${grid.perSecond}/s`}`;
  const why = isInterrupted ? 'Interrupted' : 'The time was over (--minutes)';
  const early = isDone ? [] : ['', `${why} before the search was done: a cheaper or a better setting may exist.`];
  if (trials.length === 0) return `${why} before any setting was measured.`;
  const chart = ['', tuneChart(grid, latencyMs, { trials, chosen }), ...early, ''];
  if (chosen === null) return [...chart, `No setting of at most ${grid.cores} cores keeps ${goal}.`].join('\n');
  return [
    ...chart,
    `Cheapest setting that keeps ${goal}: ${settingText(chosen)}.`,
    'Load generator and gateway ran on the same machine, and took cores of their own.',
    '',
    '# pools.yaml, for sluice up --pools',
    poolYaml(target, chosen, mostPods(grid, chosen)),
    `# ${model.name}/config.yaml`,
    configYaml(chosen),
  ].join('\n');
}

/** Pods of this setting that the cores suffice for, up to which the scaler may go. */
function mostPods({ cores }: TuneGrid, { threads }: TuneSetting): number {
  return Math.floor(cores / threads);
}
