/** Checks README.md and docs/ against the code: everything listed exists, and everything that exists is listed. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, existsSync, globSync } from 'node:fs';
import { cp, mkdtemp, mkdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test from 'node:test';
import { fileURLToPath } from 'node:url';
import { pino } from 'pino';
import type Type from 'typebox';
import { parsePools } from '../cluster/pools-file.ts';
import { errorTable } from '../contract/errors.ts';
import { headers } from '../contract/headers.ts';
import { ModelPool } from '../contract/model-pool.ts';
import { holdReasons, scaleReasons } from '../contract/reasons.ts';
import { flagName, isSecret, readSettings, variableName } from '../contract/settings.ts';
import { LocalSettings } from '../deploy/local-settings.ts';
import { GatewaySettings } from '../gateway/settings.ts';
import { ModelConfig, parseModelConfig } from '../models/repository/model-config.ts';
import { runModelServer } from '../models/server.ts';
import { ModelServerSettings } from '../models/settings.ts';
import { ScalerSettings } from '../scaler/settings.ts';
import packageJson from '../package.json' with { type: 'json' };
import { exposed } from './support/exposition.ts';
import { gatewayScrape } from './support/gateway-registry.ts';
import { roomsTable } from './support/layout-rules.ts';
import { scalerOf } from './support/scaler-registry.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const read = (file: string) => readFileSync(path.join(root, file), 'utf8');
const configuration = read('docs/configuration.md');
const metricsPage = read('docs/metrics.md');

/** Part of a page from a heading to the next one of the same or a higher level. */
function section(page: string, heading: string): string {
  const lines = page.split('\n');
  const start = lines.indexOf(heading);
  assert.notEqual(start, -1, `no heading '${heading}'`);
  const closes = new RegExp(`^#{1,${heading.indexOf(' ')}} `);
  let fenced = false;
  const length = lines.slice(start + 1).findIndex((line) => {
    if (line.startsWith('```')) fenced = !fenced;
    return !fenced && closes.test(line);
  });
  return lines.slice(start + 1, length === -1 ? undefined : start + 1 + length).join('\n');
}

/** Cells of all table rows in a text, without header rows and without backticks around a whole cell. */
function rows(text: string): string[][] {
  const lines = text.split('\n').filter((line) => line.startsWith('|'));
  const bodies = lines.filter(
    (line, index) => !line.startsWith('| ---') && lines[index + 1]?.startsWith('| ---') !== true,
  );
  return bodies.map((line) =>
    line
      .slice(1, -1)
      .split('|')
      .map((cell) => cell.trim().replace(/^`([^`]*)`$/, '$1')),
  );
}

/** Fenced code blocks of a language. */
function blocks(text: string, language: string): string[] {
  return [...text.matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\`$`, 'gms'))].map((match) => match[1]!);
}

const quoted = (cell: string) => [...cell.matchAll(/`([^`]+)`/g)].map((match) => match[1]!);
/** Names in a cell. `rows` has removed the backticks of a single name. */
const namesOf = (cell: string) => (cell.includes('`') ? quoted(cell) : cell === '' ? [] : [cell]);

/** All Markdown files of the project. */
function pages(folder = ''): string[] {
  return readdirSync(path.join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const file = path.join(folder, entry.name);
    if (entry.isDirectory()) return entry.name === 'node_modules' || entry.name.startsWith('.') ? [] : pages(file);
    return entry.name.endsWith('.md') ? [file] : [];
  });
}

test('docs/errors.md has the rows of the error table, in its order', () => {
  const documented = rows(section(read('docs/errors.md'), '## Codes'));
  assert.deepEqual(
    documented.map((cells) => cells.slice(0, 4)),
    Object.entries(errorTable).map(([code, { status, retryable, meaning }]) => [
      code,
      String(status),
      retryable ? 'yes' : 'no',
      meaning,
    ]),
  );
  for (const [code, , , , , advice] of documented)
    assert.ok(advice !== undefined && advice !== '', `${code} has no advice`);
});

interface SchemaNode {
  readonly writeOnly?: boolean;
  readonly type?: string;
  readonly default?: unknown;
  readonly required?: readonly string[];
  readonly properties?: Readonly<Record<string, SchemaNode>>;
  readonly patternProperties?: Readonly<Record<string, SchemaNode>>;
}

const asNode = (schema: Type.TSchema) => schema as SchemaNode;

function defaultOf({ default: value }: SchemaNode, required: boolean): string {
  if (value === undefined) return required ? 'required' : '—';
  return typeof value === 'string' ? value : JSON.stringify(value);
}

for (const [command, schema] of [
  ['up', LocalSettings],
  ['gateway', GatewaySettings],
  ['scaler', ScalerSettings],
  ['model-server', ModelServerSettings],
] as const) {
  test(`docs/configuration.md has the settings of sluice ${command}, in their order`, () => {
    const { properties, required } = asNode(schema);
    assert.deepEqual(
      rows(section(configuration, `## sluice ${command}`)).map((cells) => cells.slice(0, 3)),
      Object.entries(properties!).map(([property, value]) => [
        isSecret(value) ? '—' : flagName(property),
        variableName(property),
        defaultOf(value, required!.includes(property)),
      ]),
    );
  });
}

/** Leaf fields with their defaults; keys of records appear as `<name>`. */
function leaves(node: SchemaNode, name = '', required = true): [field: string, value: string][] {
  const inner = (key: string) => (name === '' ? key : `${name}.${key}`);
  const [each] = Object.values(node.patternProperties ?? {});
  if (each !== undefined) return leaves(each, inner('<name>'), false);
  if (node.properties === undefined) {
    return [[name, defaultOf(node, required)]];
  }
  return Object.entries(node.properties).flatMap(([key, child]) =>
    leaves(child, inner(key), node.required?.includes(key) ?? false),
  );
}

test('docs/configuration.md has every field of a ModelPool and of config.yaml, in their order', () => {
  const firstTwo = (heading: string) => rows(section(configuration, heading)).map((cells) => cells.slice(0, 2));
  assert.deepEqual(firstTwo('## ModelPool'), leaves(asNode(ModelPool)));
  assert.deepEqual(firstTwo('### config.yaml'), leaves(asNode(ModelConfig)));
});

test('docs/configuration.md has every header', () => {
  const documented = new Set(rows(section(configuration, '## Headers')).map(([header]) => header));
  for (const header of Object.values(headers)) assert.ok(documented.has(header), header);
});

test('pools and config.yaml of the examples are valid', () => {
  const pools = ['docs/tutorial.md', 'docs/configuration.md'].flatMap((page) =>
    blocks(read(page), 'yaml').filter((text) => text.includes('kind: ModelPool')),
  );
  assert.equal(pools.length, 2);
  for (const text of pools) assert.deepEqual(parsePools(text).errors, []);
  const configs = blocks(section(configuration, '### config.yaml'), 'yaml');
  assert.equal(configs.length, 1);
  for (const text of configs) parseModelConfig(text);
});

/** Label values that docs/metrics.md leaves to the table of reasons, by the words with which it does. */
const reasonsOfTheTable: Readonly<Record<string, readonly string[]>> = {
  'scale and hold reasons of [contract/reasons.ts](../contract/reasons.ts)': [
    ...Object.keys(scaleReasons),
    ...Object.keys(holdReasons),
  ],
  'hold reasons of [contract/reasons.ts](../contract/reasons.ts)': Object.keys(holdReasons),
};

function compareMetrics(heading: string, text: string): void {
  const actual = exposed(text);
  assert.deepEqual(
    rows(section(metricsPage, heading)).map(([name, type, , labels]) => [name, type, namesOf(labels!)]),
    rows(section(metricsPage, heading)).map(([name]) => {
      const { type, labels } = actual.get(name!) ?? { type: 'no such metric', labels: new Map<string, Set<string>>() };
      return [name, type, [...labels.keys()]];
    }),
  );
  const documented = new Set(rows(section(metricsPage, heading)).map(([name]) => name));
  assert.deepEqual(
    [...actual.keys()].filter((name) => !documented.has(name)),
    [],
    'metrics that are not documented',
  );
  const closed = new Set(rows(section(metricsPage, '## Label values')).map(([name, label]) => `${name} ${label}`));
  for (const [name, label, values] of rows(section(metricsPage, '## Label values'))) {
    const seen = actual.get(name!)?.labels.get(label!);
    const expected = reasonsOfTheTable[values!] ?? namesOf(values!);
    if (seen !== undefined) assert.deepEqual(expected, [...seen], `${name} ${label}`);
  }
  for (const [name, { labels }] of actual) {
    for (const label of labels.keys()) {
      if (['reason', 'outcome', 'state'].includes(label)) assert.ok(closed.has(`${name} ${label}`), `${name} ${label}`);
    }
  }
}

test('docs/metrics.md has the metrics of the gateway, with their types, labels and values', async () => {
  compareMetrics('## Gateway', await gatewayScrape());
});

test('docs/metrics.md has the metrics of the scaler, with their types, labels and values', async () => {
  const metrics = scalerOf(['pool']);
  compareMetrics('## Scaler', await metrics.registry.metrics());
  metrics.removePool('pool');
  assert.doesNotMatch(await metrics.registry.metrics(), /pool="pool"/);
});

test('docs/metrics.md has the metrics of a pod, and the transform.ts of docs/configuration.md works', async (t) => {
  const repository = await mkdtemp(path.join(tmpdir(), 'sluice-docs-'));
  t.after(() => rm(repository, { recursive: true }));
  await mkdir(path.join(repository, 'digits'));
  await cp(path.join(root, 'models/zoo/mlp/1'), path.join(repository, 'digits/1'), { recursive: true });
  const [transform] = blocks(section(configuration, '### transform.ts'), 'ts');
  await writeFile(path.join(repository, 'digits/transform.ts'), transform!);
  const fail = () => assert.fail('the worker was lost');
  const settings = readSettings(ModelServerSettings, {}, { repository, port: '0', maxRows: '2' });
  const server = await runModelServer(settings, pino({ level: 'silent' }), { onStuck: fail, onLost: fail });
  t.after(() => server.close());
  await server.loaded;
  const origin = `http://127.0.0.1:${server.port}`;
  const response = await fetch(`${origin}/v1/models/digits:predict`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ instances: [new Array<number>(784).fill(255)] }),
  });
  assert.match(await response.text(), /^\{"predictions":\[\{"digit":\d,"score":-?[\d.]+\}\]\}$/);
  compareMetrics('## Pod', await (await fetch(`${origin}/metrics`)).text());
});

test('CONTRIBUTING.md has the scripts of package.json', () => {
  const table = rows(section(read('CONTRIBUTING.md'), '## Commands')).map(([command]) =>
    command!.replace(/^npm (run )?/, '').replace(/ -- .*$/, ''),
  );
  assert.deepEqual(table.toSorted(), Object.keys(packageJson.scripts).toSorted());
  for (const page of pages()) {
    for (const [, script] of read(page).matchAll(/npm run (?:-s )?([\w:-]+)/g)) {
      assert.ok(Object.hasOwn(packageJson.scripts, script!), `${page}: npm run ${script}`);
    }
  }
});

test('docs/architecture.md has the table of rooms of test/support/layout-rules.ts', () => {
  const [, table] = /<!-- rooms -->\n(.*?)<!-- \/rooms -->/s.exec(read('docs/architecture.md')) ?? [];
  assert.equal(table?.trim(), roomsTable());
});

/** Heading anchors as GitHub generates them. */
const anchorsOf = (page: string) =>
  [...page.matchAll(/^#+ (.*)$/gm)].map(([, title]) =>
    title!
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  );

test('relative links lead somewhere', () => {
  const broken: string[] = [];
  for (const page of pages()) {
    for (const [, target] of read(page).matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^[a-z]+:/.test(target!)) continue;
      const [file, anchor] = target!.split('#') as [string, string?];
      const linked = file === '' ? page : path.join(path.dirname(page), file);
      const found = existsSync(path.join(root, linked));
      if (!found || (anchor !== undefined && !anchorsOf(read(linked)).includes(anchor)))
        broken.push(`${page}: ${target}`);
    }
  }
  assert.deepEqual(broken, []);
});

test('README.md is short enough to be read', () => {
  const words = read('README.md')
    .split(/\s+/)
    .filter((word) => word !== '').length;
  assert.ok(words < 1_200, `${words} words`);
});

test('docs/README.md leads to every page of docs/, in one step or two', () => {
  const linked = (page: string) =>
    [...read(page).matchAll(/\]\(([^)\s#]+\.md)(?:#[^)\s]*)?\)/g)].map(([, target]) =>
      path.join(path.dirname(page), target!),
    );
  const listed = linked('docs/README.md');
  // Runbooks and decisions have an index of their own.
  const indexed = listed.filter((page) => path.basename(page) === 'README.md' && page.startsWith('docs'));
  const reached = new Set(['docs/README.md', ...listed, ...indexed.flatMap(linked)]);
  assert.deepEqual(
    pages('docs').filter((page) => !reached.has(page)),
    [],
  );
});

test('files of the project that the pages name exist', () => {
  const missing: string[] = [];
  const ours = pages().filter((page) => !page.includes('/') || page.startsWith('docs'));
  for (const page of ours) {
    const named = quoted(read(page)).filter((text) =>
      /^(contract|runtime|cluster|gateway|models|scaler|deploy|cli|bench|test|docs)\/[\w./-]*$/.test(text),
    );
    for (const file of named) if (!existsSync(path.join(root, file))) missing.push(`${page}: ${file}`);
  }
  assert.deepEqual(missing, []);
});

/** Comments of the project's TypeScript and JavaScript, a line each. */
function comments(): { readonly file: string; readonly line: string }[] {
  const files = globSync('{bench,cli,cluster,contract,deploy,gateway,models,runtime,scaler,test}/**/*.{ts,js}', {
    cwd: root,
  });
  return files.flatMap((file) =>
    read(file)
      .split('\n')
      .flatMap((line) => (/^\s*(?:\/?\*|\/\/)/.test(line) ? [{ file, line }] : [])),
  );
}

test('every page and heading that a comment cites exists', () => {
  const broken: string[] = [];
  let headings = 0;
  for (const { file, line } of comments()) {
    for (const [, page, cited] of line.matchAll(/\b(docs\/[\w/-]+\.md)((?:(?:,| and) "[^"]+")*)/g)) {
      if (!existsSync(path.join(root, page!))) broken.push(`${file}: ${page}`);
      else {
        const titles = [...read(page!).matchAll(/^#+ (.*)$/gm)].map((match) => match[1]!);
        for (const [, title] of cited!.matchAll(/"([^"]+)"/g)) {
          headings += 1;
          if (!titles.includes(title!)) broken.push(`${file}: ${page}, "${title}"`);
        }
      }
    }
    if (/\bDESIGN\b|\.md §/.test(line)) broken.push(`${file}: ${line.trim()}`);
  }
  assert.deepEqual(broken, []);
  assert.ok(headings > 10, `${headings} headings are cited`);
});

/** A duration or share in the unit of the constant's name: `4 s` is 4000 for `freshForMs`. */
function inUnitOf(name: string, cell: string): number {
  const [, number, unit = ''] = /^([\d.]+) ?(ms|s|%)?/.exec(cell) ?? [];
  const factor = unit === '%' ? 0.01 : unit === 's' && name.endsWith('Ms') ? 1000 : 1;
  return Number((Number(number) * factor).toPrecision(12));
}

test('docs/scaling-algorithm.md has every constant of the policy, with its value', () => {
  const documented = new Map<string, string>();
  for (const line of read('docs/scaling-algorithm.md')
    .split('\n')
    .filter((each) => each.startsWith('| `'))) {
    const [names, values] = line
      .slice(1, -1)
      .split('|')
      .map((cell) => cell.trim()) as [string, string];
    const each = values.split(', ');
    for (const [index, name] of quoted(names).entries()) documented.set(name, each[index] ?? values);
  }
  let compared = 0;
  for (const file of globSync('scaler/policy/*.ts', { cwd: root }).filter((each) => !each.endsWith('.test.ts'))) {
    for (const [, name, source] of read(file).matchAll(/^(?:export )?const (\w+)(?:: number)? = ([\d._]+);$/gm)) {
      assert.ok(documented.has(name!), `${file}: ${name} is not on the page`);
      assert.equal(inUnitOf(name!, documented.get(name!)!), Number(source!.replaceAll('_', '')), name);
      compared += 1;
    }
  }
  assert.ok(compared > 30, `${compared} constants were found`);
});
