/**
 * Wrong command lines, variables and YAML files, as strangers write them. Each is answered in at most three lines for each mistake,
 * which name the flag or line, the value, and what is allowed; none starts anything.
 */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, describe, test } from 'node:test';
import { CommanderError } from 'commander';
import { parseModelConfig } from '../models/repository/model-config.ts';
import { describeFailure } from './failure.ts';
import { buildProgram } from './program.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'wrong-usage-'));
after(() => rmSync(folder, { recursive: true }));
mkdirSync(path.join(folder, 'models', 'iris', '1'), { recursive: true });
writeFileSync(path.join(folder, 'models', 'iris', '1', 'model.onnx'), '');
writeFileSync(path.join(folder, 'empty.csv'), 'nothing\n');
mkdirSync(path.join(folder, 'none'));

/** Runs a command line in this process. @returns its exit code and what it wrote to stderr */
async function run(
  args: readonly string[],
  env: Record<string, string> = {},
): Promise<{ code: number; lines: string[] }> {
  let written = '';
  const program = buildProgram({ env, print: () => undefined });
  for (const command of [program, ...program.commands]) {
    command.configureOutput({ writeErr: (text) => (written += text), writeOut: () => undefined });
  }
  let code = 0;
  try {
    await program.parseAsync(args, { from: 'user' });
  } catch (error) {
    if (error instanceof CommanderError) code = error.exitCode === 0 ? 0 : 2;
    else {
      const failure = describeFailure(error);
      code = failure.exitCode;
      for (const line of failure.lines) written += `sluice: ${line}\n`;
    }
  }
  return { code, lines: written.trimEnd().split('\n') };
}

function yaml(name: string, text: string): string {
  const file = path.join(folder, name);
  writeFileSync(file, text);
  return file;
}

const up = ['up', '--port', '0', '--admin-port', '0', '--scaler-port', '0'];

/** Command line, variables, and what each line of the answer has to name. */
const commandLines: readonly (readonly [args: string, env: Record<string, string>, ...parts: RegExp[]])[] = [
  ['upp', {}, /'upp'.*did you mean up\?/],
  ['serve', {}, /'serve'.*commands: up, gateway/],
  ['help stats', {}, /'stats'/],
  ['up --prot 9000', {}, /'--prot'.*did you mean --port\?/],
  ['up --batch-size 9', {}, /'--batch-size'.*sluice up --help/],
  ['up --port', {}, /'--port <value>' argument missing.*port for predict requests/],
  ['up models', {}, /models.*usage: sluice up \[options\]/],
  ['up --port 99999', {}, /--port .*must be a whole number from 0 to 65535, was: "99999"/],
  ['up --port 8o80', {}, /--port .*must be a whole number from 0 to 65535, was: "8o80"/],
  ['up --pods 0', {}, /--pods .*from 1 to 64, was: "0"/],
  ['up --log-level warning', {}, /--log-level .*one of fatal, error, warn.*was: "warning"/],
  ['up --log-format yaml', {}, /--log-format .*must be one of pretty, json, was: "yaml"/],
  ['up --port 8123 --admin-port 8123', {}, /--admin-port .*must differ from --port, was: 8123/],
  ['up', { SLUICE_PORT: 'http' }, /SLUICE_PORT.*from 0 to 65535, was: "http"/],
  ['up', { SLUICE_PODS: '1e3', SLUICE_PORT: '-1' }, /SLUICE_PODS.*was: "1e3"/, /SLUICE_PORT.*was: "-1"/],
  ['up', { SLUICE_SECRET: 'short' }, /SLUICE_SECRET/],
  [`${up.join(' ')} --repository /no/such`, {}, /--repository .*\/no\/such does not exist/],
  [`${up.join(' ')} --repository ${folder}/none`, {}, /--repository .*none/],
  [
    `${up.join(' ')} --repository ${folder}/models --models iriss`,
    {},
    /no model iriss; it holds: iris; did you mean iris\?/,
  ],
  [`${up.join(' ')} --pools ${folder}/no.yaml`, {}, /--pools .*no\.yaml/],
  ['gateway', {}, /--pools .*is required.*--cluster kubernetes/],
  ['gateway --cluster k8s', {}, /--cluster .*one of local, kubernetes, was: "k8s"/],
  ['gateway --cluster kubernetes --pools a.yaml', {}, /--pools .*--cluster kubernetes, was: "a\.yaml"/],
  ['scaler', {}, /--cluster kubernetes, or run `sluice up`/],
  ['model-server', {}, /--repository .*is required/],
  ['model-server --repository . --max-rows none', {}, /--max-rows .*whole number of at least 1, was: "none"/],
  ...['pools', 'status', 'status --watch', 'explain a', 'logs a'].map(
    (command) =>
      [`${command} --url localhost:8082`, {}, /--url .*must be http:\/\/host:port, was: "localhost:8082"/] as const,
  ),
  ['pools', { SLUICE_SCALER_URL: 'scaler' }, /SLUICE_SCALER_URL.*must be http:\/\/host:port, was: "scaler"/],
  ['pools --url http:scaler', {}, /--url .*was: "http:scaler"/],
  ['scaler --cluster kubernetes --gateway-url h:80', {}, /--gateway-url .*must be http:\/\/host:port, was: "h:80"/],
  ['scaler --cluster kubernetes --namespace A_b', {}, /--namespace .*names of namespaces.*, was: "A_b"/],
  ['gateway --cors-origins https://a,', {}, /--cors-origins .*a list with commas.*, was: "https:\/\/a,"/],
  ['explain', {}, /'pool'; usage: sluice explain \[options\] <pool>/],
  ['explain a --last 0', {}, /'--last <n>' argument '0'.*at least 1/],
  ['prove', {}, /--repository <folder>/],
  ['prove --repository . --cpu-ms fast', {}, /'--cpu-ms <ms>' argument 'fast'.*whole number of at least 1/],
  ['simulate', {}, /--trace <file>/],
  [`simulate --trace ${folder}/empty.csv`, {}, /--trace .*empty\.csv/],
  ['simulate --trace x --policy best', {}, /'best'.*one of sluice, hpa, kpa/],
  ['bench', {}, /URL: is required, such as/, /--model: is required/, /--concurrency .*--rate .*one is required/],
  ['bench localhost:8080 --model m --rate 5', {}, /URL: must begin with http:\/\/ or https:\/\/, was: localhost/],
  ['bench http://h --model m --rate fast', {}, /'--rate <R>' argument 'fast'.*number of requests per second/],
  ['bench http://h --model m --rate 5 --objective 100', {}, /'--objective <time>' argument '100'.*100ms or 1\.5s/],
  ['bench http://h --model m --rate 5 --protocol v2', {}, /'--protocol <name>' argument 'v2'.*oip, v1/],
  [
    'bench http://h --model m --rate 5 --metrics h:8081/metrics',
    {},
    /--metrics: must be a URL such as http:\S+, was: h:8081/,
  ],
  ['bench --compare a.json', {}, /--compare a\.json: must be two files, a and b/],
  ['logs', {}, /'pod'; usage: sluice logs \[options\] <pod>/],
  ['logs a --tail few', {}, /'--tail <n>' argument 'few'.*at least 0/],
  ['logs a --cluster k8s', {}, /'--cluster <kind>' argument 'k8s'.*local, kubernetes/],
  ['tune --objective 100ms', {}, /'--model <name>'/],
  ['tune --model m --objective 100', {}, /'--objective <time>' argument '100'.*100ms or 1\.5s/],
  ['tune --model m --objective 1s --max-rows 8,0', {}, /'--max-rows <list>' argument '8,0'.*at least 1/],
  ['tune --model m --objective 1s --cores 9999', {}, /'--cores <n>' argument '9999'.*from 1 to \d+, the cores/],
  [
    `tune --repository ${folder}/models --model irs --objective 1s`,
    {},
    /--model irs: .*no model irs.*did you mean iris\?/,
  ],
];

/** Text of a file of pools, and what each line of the answer has to name. */
const poolFiles: readonly (readonly [what: string, text: string, ...parts: RegExp[]])[] = [
  ['empty', '', /contains no ModelPool/],
  ['a tab', 'kind: ModelPool\nspec:\n\tmodels: [iris]\n', /:3: invalid YAML: Tabs are not allowed as indentation/],
  ['an open bracket', 'kind: ModelPool\nspec: { models: [iris }\n', /:\d: invalid YAML: .*\]/],
  [
    'only models',
    'models: [iris]\n',
    /:1: \/apiVersion: is required/,
    /:1: \/kind/,
    /:1: \/metadata/,
    /:1: \/spec/,
    /:1: \/models: .*did you mean \/spec\/models\?/,
  ],
  [
    'a Deployment',
    'apiVersion: apps/v1\nkind: Deployment\n',
    /:2: \/kind: must be ModelPool of sluice\.dev\/v1alpha1, was: Deployment/,
  ],
  [
    'two mistakes of spelling',
    pool('model: [iris], batching: { max_rows: 4 }'),
    /:4: \/spec\/model: .*models\?/,
    /:4: .*\/max_rows: .*maxRows\?/,
  ],
  [
    'a unit',
    pool('models: [iris], objective: { latencyMs: 100ms }'),
    /:4: \/spec\/objective\/latencyMs: must be number, was: "100ms"/,
  ],
  [
    'bounds that cross',
    pool('models: [iris], scaling: { minReplicas: 3, maxReplicas: 2 }'),
    /:4: .*maxReplicas: must be at least minReplicas \(3\), was: 2/,
  ],
  [
    'a name with capitals',
    pool('models: [iris]').replace('name: p', 'name: My_Pool'),
    /:3: \/metadata\/name: must be a DNS label.*was: "My_Pool"/,
  ],
  [
    'an endpoint without a scheme',
    pool('models: [iris], endpoints: ["10.0.0.7:8000"]'),
    /:4: \/spec\/endpoints\/0: must be an origin, http:\/\/host:port, was: "10\.0\.0\.7:8000"/,
  ],
  [
    'an endpoint with a port that is none',
    pool('models: [iris], endpoints: ["http://h:99999"]'),
    /:4: \/spec\/endpoints\/0: must be http:\/\/host:port, was: "http:\/\/h:99999"/,
  ],
  ['a key twice', `${pool('models: [iris]')}kind: ModelPool\n`, /:5: kind: is given twice/],
];

function pool(spec: string): string {
  return `apiVersion: sluice.dev/v1alpha1\nkind: ModelPool\nmetadata: { name: p }\nspec: { ${spec} }\n`;
}

/** Text of a `config.yaml`, and what the answer has to name. */
const configs: readonly (readonly [text: string, ...parts: RegExp[]])[] = [
  ['maxrows: 3\n', /line 1: \/maxrows: .*did you mean maxRows\?/],
  ['maxRows: 8\nthreads: many\n', /line 2: \/threads: must be integer, was: "many"/],
  ['batching: sometimes\n', /line 1: \/batching: must be one of proven, always, never, was: "sometimes"/],
  ['versionPolicy: newest\n', /line 1: \/versionPolicy: must be "all" or object, was: "newest"/],
  [
    'start:\n  cpu: 5\n  memoryMiB: 0\n',
    /line 2: \/start\/cpu: .*cpuMs/,
    /line 3: \/start\/memoryMiB: must be >= 1, was: 0/,
  ],
  ['timeoutMs: 5\n', /line 1: \/timeoutMs: .*did you mean \/transform\/timeoutMs\?/],
  ['- maxRows: 3\n', /line 1: \/: must be object/],
];

describe('wrong command lines and variables', () => {
  for (const [args, env, ...parts] of commandLines) {
    test(`${Object.entries(env).join(' ')} sluice ${args}`.replaceAll(folder, ''), async () => {
      const { code, lines } = await run(args.split(' '), env);
      assert.ok(code === 2, `exit code ${code}: ${lines.join('\n')}`);
      answersBriefly(lines, parts);
    });
  }
});

describe('wrong files of pools', () => {
  for (const [what, text, ...parts] of poolFiles) {
    const file = yaml(`${what.replaceAll(' ', '-')}.yaml`, text);
    test(what, async () => {
      for (const args of [[...up, '--repository', path.join(folder, 'models')], ['gateway']]) {
        const { code, lines } = await run([...args, '--pools', file]);
        assert.equal(code, 2);
        assert.ok(
          lines.every((line) => line.includes(path.basename(file))),
          lines.join('\n'),
        );
        answersBriefly(lines, parts);
      }
    });
  }
});

describe('wrong config.yaml', () => {
  for (const [text, ...parts] of configs) {
    test(text.trim(), () => {
      assert.throws(
        () => parseModelConfig(text),
        ({ message }: Error) => {
          answersBriefly(
            message.split('; line').map((part, index) => (index === 0 ? part : `line${part}`)),
            parts,
          );
          return true;
        },
      );
    });
  }
});

test('there are forty and more', () => {
  assert.ok(commandLines.length + poolFiles.length + configs.length >= 40);
});

function answersBriefly(lines: readonly string[], parts: readonly RegExp[]): void {
  const text = lines.join('\n');
  for (const part of parts) assert.match(text, part);
  assert.ok(lines.length <= 3 * parts.length, `${lines.length} lines for ${parts.length} mistakes:\n${text}`);
  assert.doesNotMatch(text, /^ +at /m, 'a stack trace');
}
