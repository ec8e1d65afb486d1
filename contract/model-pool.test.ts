import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { modelNameProblem, parseModelPool, type ModelPool } from './model-pool.ts';

const pool = (spec: object): object => ({
  apiVersion: 'sluice.dev/v1alpha1',
  kind: 'ModelPool',
  metadata: { name: 'langid' },
  spec,
});

const small = pool({ models: ['langid'] });

function parsed(value: unknown): ModelPool {
  const result = parseModelPool(value);
  assert.deepEqual(result.errors, []);
  return result.pool!;
}

test('a minimal pool gets all defaults', () => {
  assert.deepEqual(parsed(small).spec, {
    models: ['langid'],
    endpoints: [],
    shareSecretWithEndpoints: false,
    batching: { enabled: true, maxRows: 64, maxBytes: 8_388_608, maxRequestRows: 131_072 },
    requests: {
      timeoutMs: 30_000,
      coldStartHoldMs: 60_000,
      maxQueued: 10_000,
      maxQueuedBytes: 268_435_456,
      maxBodyBytes: 67_108_864,
      highestPriority: 1,
      defaultPriority: 5,
      idempotent: true,
    },
    scaling: { minReplicas: 1, idleSeconds: 300, seasonal: true, mode: 'Active' },
    health: { ejectAfterFailures: 3, maxEjectedRatio: 0.5 },
  });
});

test('model names are of any script, and lead nowhere', () => {
  const good = [
    'a',
    '_',
    '7',
    'my model',
    'Größe',
    'Gro\u0308ße',
    '模型',
    'हिन्दी',
    'a..b',
    'v1.2-rc_3.',
    'x'.repeat(128),
  ];
  for (const name of good) assert.equal(modelNameProblem(name), null, name);
  const bad = [
    '',
    ' a',
    'a ',
    '.',
    '..',
    '.a',
    '-a',
    'a/b',
    'a\\b',
    'a%2Fb',
    'a\0',
    'a\n',
    'a,b',
    'a:b',
    'a?b',
    'a#b',
    'a"b',
  ];
  for (const name of [...bad, 'a\u202eb', 'a\u200bb', 'a\u00a0b', '\u0308', '\ud800', '😀', 'x'.repeat(129)]) {
    assert.match(modelNameProblem(name) ?? '', /must be letters, digits/, JSON.stringify(name));
    assert.equal(parseModelPool(pool({ models: [name] })).errors.length, 1, JSON.stringify(name));
  }
});

test('given fields are kept, and their siblings get defaults', () => {
  const { spec } = parsed(
    pool({
      models: ['a', 'b.c-d_e'],
      scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'x' },
      objective: { latencyMs: 12.5 },
      batching: { enabled: false },
      endpoints: ['http://10.0.0.1:8000', 'https://triton.example/'],
      scaling: { minReplicas: 0, maxReplicas: 20 },
    }),
  );
  assert.deepEqual(spec.objective, { latencyMs: 12.5, percentile: 99 });
  assert.equal(spec.batching.enabled, false);
  assert.equal(spec.batching.maxRows, 64);
  assert.deepEqual(spec.scaling, { minReplicas: 0, maxReplicas: 20, idleSeconds: 300, seasonal: true, mode: 'Active' });
});

const refused: readonly (readonly [string, unknown, readonly string[]])[] = [
  ['nothing', undefined, ['/: must be object, was: undefined']],
  ['an empty file', null, ['/: must be object, was: null']],
  ['a list', [], ['/: must be object, was: []']],
  ['no spec', { ...small, spec: undefined }, ['/spec: must be object, was: undefined']],
  ['another kind', { ...small, kind: 'Pod' }, ['/kind: must be "ModelPool", was: "Pod"']],
  ['another version', { ...small, apiVersion: 'v1' }, ['/apiVersion: must be "sluice.dev/v1alpha1", was: "v1"']],
  [
    'a name that Kubernetes refuses',
    { ...small, metadata: { name: 'Lang_id' } },
    ['/metadata/name: must be a DNS label: a-z, 0-9 and -, at most 63, was: "Lang_id"'],
  ],
  ['no models', pool({ models: [] }), ['/spec/models: must not have fewer than 1 items, was: []']],
  ['a model twice', pool({ models: ['a', 'a'] }), ['/spec/models: must not have duplicate items, was: ["a","a"]']],
  [
    'a model that is a path',
    pool({ models: ['ok', '../x'] }),
    ['/spec/models/1: must be letters, digits, _, . and -, with spaces within, at most 128, was: "../x"'],
  ],
  [
    'a section left empty in YAML',
    pool({ models: ['a'], batching: null }),
    ['/spec/batching: must be object, was: null'],
  ],
  [
    'a number as a string',
    pool({ models: ['a'], batching: { maxRows: '64' } }),
    ['/spec/batching/maxRows: must be integer, was: "64"'],
  ],
  [
    'an unknown mode',
    pool({ models: ['a'], scaling: { mode: 'Off' } }),
    ['/spec/scaling/mode: must be one of Active, DryRun, Paused, was: "Off"'],
  ],
  [
    'an endpoint that is no origin',
    pool({ models: ['a'], endpoints: ['http://x/v2?y'] }),
    ['/spec/endpoints/0: must be an origin, http://host:port, was: "http://x/v2?y"'],
  ],
  [
    'maxReplicas below minReplicas',
    pool({ models: ['a'], scaling: { minReplicas: 5, maxReplicas: 2 } }),
    ['/spec/scaling/maxReplicas: must be at least minReplicas (5), was: 2'],
  ],
  [
    'maxQueuedBytes below maxBodyBytes',
    pool({ models: ['a'], requests: { maxBodyBytes: 11, maxQueuedBytes: 10 } }),
    ['/spec/requests/maxQueuedBytes: must be at least maxBodyBytes (11), was: 10'],
  ],
  [
    'defaultPriority above highestPriority',
    pool({ models: ['a'], requests: { highestPriority: 6 } }),
    ['/spec/requests/defaultPriority: must be at least highestPriority (6), was: 5'],
  ],
  [
    'a priority that is no level',
    pool({ models: ['a'], requests: { defaultPriority: 10 } }),
    ['/spec/requests/defaultPriority: must be <= 9, was: 10'],
  ],
];

for (const [what, value, errors] of refused) {
  test(`refused: ${what}`, () => {
    const result = parseModelPool(value);
    assert.equal(result.pool, null);
    assert.deepEqual(result.errors, errors);
  });
}

test('all schema errors are reported at once, and so are all cross-field errors', () => {
  const { errors } = parseModelPool(
    pool({
      models: [],
      objective: { latencyMs: 0, percentile: 100 },
      batching: { maxRows: 0 },
      health: { maxEjectedRatio: 2, ejectAfterFailures: 0 },
    }),
  );
  const fields = errors.map((error) => error.split(':')[0]).sort();
  assert.deepEqual(fields, [
    '/spec/batching/maxRows',
    '/spec/health/ejectAfterFailures',
    '/spec/health/maxEjectedRatio',
    '/spec/models',
    '/spec/objective/latencyMs',
    '/spec/objective/percentile',
  ]);
  const cross = parseModelPool(
    pool({ models: ['a'], scaling: { minReplicas: 2, maxReplicas: 1 }, requests: { maxQueuedBytes: 1 } }),
  );
  assert.equal(cross.errors.length, 2);
});

test('an unknown field is rejected in every object', () => {
  const { spec } = parsed(pool({ models: ['a'], objective: { latencyMs: 1 } }));
  const whole = pool({ ...spec, scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'x' } });
  const objects = ['', '/spec'].concat(
    ['scaleTargetRef', 'objective', 'batching', 'requests', 'scaling', 'health'].map((name) => `/spec/${name}`),
  );
  for (const path of objects) {
    const copy = structuredClone(whole);
    let at = copy as Record<string, unknown>;
    for (const step of path.split('/').slice(1)) at = at[step] as Record<string, unknown>;
    at['maxRow'] = 1;
    const meant = path.endsWith('batching') ? 'maxRows' : '/spec/batching/maxRows';
    assert.deepEqual(parseModelPool(copy).errors, [
      `${path}/maxRow: is not a field of a ModelPool; did you mean ${meant}?`,
    ]);
  }
});

test('metadata belongs to Kubernetes: fields other than the name are kept', () => {
  const metadata = { name: 'langid', uid: 'u', labels: { team: 'x' } };
  assert.deepEqual(parsed({ ...small, metadata }).metadata, metadata);
});

test('the input is not modified', () => {
  const given = pool({ models: ['a'], batching: {} });
  const before = structuredClone(given);
  parseModelPool(given);
  assert.deepEqual(given, before);
});

test('parsing is idempotent', () => {
  const once = parsed(small);
  assert.deepEqual(parsed(once), once);
});

test('any JSON yields a pool or errors, never an exception', () => {
  const section = fc.oneof(
    fc.jsonValue(),
    fc.dictionary(fc.constantFrom('maxRows', 'mode', 'latencyMs'), fc.jsonValue()),
  );
  const spec = fc.dictionary(
    fc.constantFrom('models', 'objective', 'batching', 'requests', 'endpoints', 'scaling', 'health', '__proto__', 'x'),
    section,
  );
  const near = spec.map(pool);
  fc.assert(
    fc.property(fc.oneof(fc.jsonValue(), near), (value) => {
      const result = parseModelPool(value);
      assert.equal(result.pool === null, result.errors.length > 0);
    }),
    { numRuns: 300 },
  );
});
