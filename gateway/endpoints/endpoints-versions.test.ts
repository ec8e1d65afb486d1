/** Which pods answer for a model: defaults that change, lists that are read again, models that are refused or unloaded. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { servedModel, type FakePod } from '../testing/fake-pod.ts';
import { virtualEndpoints } from '../testing/virtual-endpoints.ts';

/** Lets the pod list these versions of `m`, its own default first. */
function lists(pod: FakePod, ...versions: readonly string[]): void {
  const models = versions.map((version, at) => servedModel('m', { version, isDefault: at === 0 }));
  pod.alsoReports = { models };
}

const defaultOf = (version: string, generation: number) => [{ name: 'm', version, generation }];

test('the first default is adopted at once, and logged', (t) => {
  const { endpoints, list, pods, lines, told, of } = virtualEndpoints(t, ['a']);
  list(pods[0]!.listed());
  const before = { changes: endpoints.changes, told: told.changes };
  endpoints.applyVersions([{ name: 'm', version: '1', hash: 'h'.repeat(64), generation: 3 }]);
  assert.deepEqual([endpoints.changes, told.changes], [before.changes + 1, before.told + 1]);
  const { msg, model, version, hash, generation } = lines.at(-1)!;
  assert.deepEqual(
    { msg, model, version, hash, generation },
    {
      msg: 'requests for m that name no version get 1',
      model: 'm',
      version: '1',
      hash: 'h'.repeat(64),
      generation: 3,
    },
  );
  assert.equal(of('a').defaultOf('m')?.version, '1');
  endpoints.applyVersions([{ name: 'm', version: '1', hash: 'h'.repeat(64), generation: 3 }]);
  assert.equal(told.changes, before.told + 1, 'nothing is new');
});

test('a new default waits until each pod has it: lists are read every 150 ms, of those that lack it', (t) => {
  const { endpoints, list, pods, lines, time, of } = virtualEndpoints(t, ['a', 'b', 'foreign']);
  const [a, b, foreign] = pods;
  foreign!.models = null;
  list(...pods.map((pod) => pod.listed()));
  endpoints.applyVersions(defaultOf('1', 1));
  time.pass(2_000);
  const before = lines.length;
  lists(a!, '1', '2');
  endpoints.applyVersions(defaultOf('2', 2));
  const read = [a!.probes, b!.probes, foreign!.probes];
  time.pass(600);
  assert.equal(lines.length, before, 'it is not adopted');
  assert.deepEqual(
    [a!.probes - read[0]!, b!.probes - read[1]!, foreign!.probes - read[2]!],
    [1, 4, 0],
    'a has said that it has it, and the foreign server says nothing of versions',
  );
  assert.equal(of('a').defaultOf('m')?.version, '1');
  lists(b!, '1', '2');
  time.pass(200);
  assert.deepEqual([lines.length, lines.at(-1)!['msg']], [before + 1, 'requests for m that name no version get 2']);
  assert.deepEqual([of('a').defaultOf('m')?.version, of('b').defaultOf('m')?.version], ['2', '2']);
  const probes = a!.probes + b!.probes;
  time.pass(10_000);
  assert.equal(a!.probes + b!.probes, probes, 'all have it');
});

test('a new default waits for no pod longer than a second; who lacks it then is read each second until it has it', (t) => {
  const { endpoints, list, pods, lines, time, told } = virtualEndpoints(t, ['a', 'b']);
  const [a, b] = pods;
  list(a!.listed(), b!.listed());
  endpoints.applyVersions(defaultOf('1', 1));
  lists(a!, '1', '2');
  const since = { lines: lines.length, told: told.changes };
  endpoints.applyVersions(defaultOf('2', 2));
  time.pass(950);
  assert.equal(lines.length, since.lines);
  time.pass(50);
  assert.equal(lines.length, since.lines + 1);
  assert.deepEqual(
    [endpoints.forModel('m', undefined)?.uid, endpoints.forModel('m', undefined, 'a')],
    ['a', undefined],
  );
  assert.equal(endpoints.forModel('m', '1', 'a')?.uid, 'b', 'by its number it answers');
  const probes = { a: a!.probes, b: b!.probes };
  time.pass(5_000);
  assert.deepEqual([a!.probes - probes.a, b!.probes - probes.b], [0, 5]);
  const changes = told.changes;
  lists(b!, '1', '2');
  time.pass(1_000);
  assert.equal(endpoints.forModel('m', undefined, 'a')?.uid, 'b');
  assert.ok(told.changes > changes, 'whoever dispatches is told');
});

test('a default that no pod has is answered by versions of their own, until one has it', (t) => {
  const { endpoints, list, pods, time } = virtualEndpoints(t, ['a', 'b']);
  const [a, b] = pods;
  list(a!.listed(), b!.listed());
  endpoints.applyVersions(defaultOf('2', 1));
  assert.deepEqual([endpoints.forModel('m', undefined)?.uid, endpoints.forModel('m', undefined, 'a')?.uid], ['a', 'b']);
  lists(a!, '1', '2');
  list(a!.listed({ phase: 'Running' }), b!.listed());
  time.pass(50);
  assert.deepEqual(
    [endpoints.forModel('m', undefined)?.uid, endpoints.forModel('m', undefined, 'a')],
    ['a', undefined],
  );
  // The one that has it leaves: seen without another look at the list of the other.
  for (const { probes } = b!; b!.probes === probes;) time.pass(50);
  time.pass(50);
  const { probes } = b!;
  list(a!.listed({ draining: 'scaler' }), b!.listed());
  time.pass(50);
  assert.deepEqual([endpoints.forModel('m', undefined)?.uid, b!.probes], ['b', probes]);
});

test('a model that someone has unloaded is answered by no pod, and the reason says so', (t) => {
  const { endpoints, list, pods } = virtualEndpoints(t, ['a'], {}, ['m', 'n']);
  list(pods[0]!.listed());
  assert.equal(endpoints.isUnloaded('m'), false);
  endpoints.applyVersions([{ name: 'm', version: '1', generation: 1, unloaded: true }]);
  assert.deepEqual([endpoints.isUnloaded('m'), endpoints.isUnloaded('n')], [true, false]);
  assert.deepEqual([endpoints.unservedReason('m'), endpoints.unservedReason('n')], ['unloaded by request', null]);
  assert.deepEqual([endpoints.forModel('m', undefined), endpoints.forModel('n', undefined)?.uid], [undefined, 'a']);
});

test('why nobody answers for a model: the word of a pod, shortened, or that none is ready', (t) => {
  const { endpoints, list, pods } = virtualEndpoints(t, ['a', 'b'], {}, ['m', 'n']);
  const [a, b] = pods;
  assert.equal(endpoints.unservedReason('m'), null, 'without a pod it is no matter of the model');
  const n = servedModel('n');
  a!.alsoReports = { models: [n, servedModel('m', { ready: false })] };
  list(a!.listed());
  assert.equal(endpoints.unservedReason('m'), 'it is not ready at any pod');
  assert.equal(endpoints.unservedReason('n'), null, 'it is answered');
  assert.equal(endpoints.unservedReason('x'), 'pod-a: no such model in its repository');
  b!.alsoReports = { models: [n, servedModel('m', { ready: false, reason: 'r'.repeat(400) })] };
  list(a!.listed(), b!.listed());
  assert.equal(endpoints.unservedReason('m'), `pod-b: ${'r'.repeat(300)}`);
});

test('a pod that refuses a model gets none of it, is asked for its list, and has it again once it lists it', (t) => {
  const { endpoints, list, pods, of, states, time, told } = virtualEndpoints(t, ['a']);
  const [a] = pods;
  list(a!.listed());
  const before = { probes: a!.probes, changes: endpoints.changes, statuses: told.statuses, told: told.changes };
  endpoints.onModelNotReady(of('a'), { model: 'm', version: undefined });
  assert.equal(endpoints.changes, before.changes + 1);
  assert.equal(endpoints.forModel('m', undefined), undefined);
  assert.equal(a!.probes, before.probes + 1);
  time.turn();
  assert.equal(endpoints.forModel('m', undefined)?.uid, 'a');
  assert.deepEqual([told.statuses, told.changes], [before.statuses + 1, before.told + 1]);
  assert.deepEqual(states(), ['serving']);
});

test('a default that its only pod refuses is answered by what that pod still has', (t) => {
  const { endpoints, list, pods, of } = virtualEndpoints(t, ['a']);
  lists(pods[0]!, '1', '2');
  list(pods[0]!.listed());
  endpoints.applyVersions(defaultOf('2', 1));
  endpoints.onModelNotReady(of('a'), { model: 'm', version: '2' });
  assert.equal(endpoints.forModel('m', undefined)?.uid, 'a');
});

test('a list that could not be read is no evidence, and read again', (t) => {
  const { endpoints, list, pods, of, states, time, told } = virtualEndpoints(t, ['a']);
  const [a] = pods;
  list(a!.listed());
  a!.loses = 'reset';
  const statuses = told.statuses;
  endpoints.onModelNotReady(of('a'), { model: 'm', version: undefined });
  const probes = a!.probes;
  time.pass(400);
  assert.deepEqual([states(), told.statuses, a!.probes], [['serving'], statuses, probes]);
  a!.loses = undefined;
  time.pass(200);
  assert.deepEqual([told.statuses, a!.probes], [statuses + 1, probes + 1]);
  assert.equal(endpoints.forModel('m', undefined)?.uid, 'a');
});

test('a pod whose list has a model that is not ready is asked each second, until all are', (t) => {
  const { endpoints, list, pods, time } = virtualEndpoints(t, ['a'], {}, ['m', 'n']);
  const [a] = pods;
  a!.alsoReports = { models: [servedModel('m'), servedModel('n', { ready: false })] };
  list(a!.listed());
  const probes = a!.probes;
  time.pass(3_500);
  assert.equal(a!.probes, probes + 3);
  a!.alsoReports = {};
  time.pass(1_000);
  assert.equal(endpoints.forModel('n', undefined)?.uid, 'a');
  time.pass(10_000);
  assert.equal(a!.probes, probes + 4);
});

test('a pod that refuses an envelope is paused, and its status tells whether it ends', (t) => {
  const { endpoints, list, pods, of, time } = virtualEndpoints(t, ['a']);
  const [a] = pods;
  list(a!.listed());
  const probes = a!.probes;
  a!.state = 'draining';
  endpoints.onEnvelopeRefused(of('a'));
  assert.deepEqual([endpoints.free.idle.length, endpoints.accepting.size, a!.probes], [0, 1, probes + 1]);
  time.turn();
  assert.equal(endpoints.accepting.size, 0);
});

test('a pod that refuses the shared secret gets plain requests, says so once, and is tried again after 5 s', (t) => {
  const { endpoints, list, pods, of, lines, states, time } = virtualEndpoints(t, ['a']);
  const [a] = pods;
  list(a!.listed());
  const { changes } = endpoints;
  const before = lines.length;
  endpoints.onSecretRefused(of('a'));
  assert.equal(lines.length, before + 1);
  endpoints.onSecretRefused(of('a'));
  assert.deepEqual([endpoints.takesEnvelopes, endpoints.changes, states()], [false, changes + 2, ['serving']]);
  assert.deepEqual(
    lines.slice(before).map(({ level, podName, why, msg }) => [level, podName, why, msg]),
    [
      [
        40,
        'pod-a',
        'this gateway was given another one',
        'pod pod-a takes envelopes only with its shared secret: it gets requests one by one',
      ],
    ],
  );
  time.pass(5_200);
  assert.equal(endpoints.takesEnvelopes, true);
});

test('a pod that wants a secret which this gateway has not gets plain requests, and a line says why', (t) => {
  const { endpoints, list, pods, lines } = virtualEndpoints(t, ['a']);
  pods[0]!.alsoReports = { requiresSecret: true };
  list(pods[0]!.listed());
  assert.equal(endpoints.takesEnvelopes, false);
  const said = lines.filter(({ level }) => level === 40);
  assert.deepEqual(
    said.map(({ why }) => why),
    ['this gateway has none for it'],
  );
});

test('only pods of the cluster itself are peers, which get the secret', (t) => {
  const { list, pods, connected } = virtualEndpoints(t, ['a', 'b']);
  const [a, b] = pods;
  list(a!.listed({ isPeer: true }), b!.listed());
  assert.deepEqual(connected, [
    ['http://a', true],
    ['http://b', false],
  ]);
});

test('soft evidence spares the only pod with a model; hard evidence spares none, nor does a pool of one pod', (t) => {
  const health = { ejectAfterFailures: 1, maxEjectedRatio: 1 };
  const only = (model: string) => ({ models: [servedModel(model)] });
  const soft = { kind: 'evidence', evidence: 'error-answers' } as const;
  const { endpoints, list, pods, of, states } = virtualEndpoints(t, ['a', 'b', 'c', 'd'], { health }, ['m', 'n']);
  const [a, b, c, d] = pods;
  a!.alsoReports = only('m');
  b!.alsoReports = only('n');
  d!.state = 'loading';
  // Neither a pod that leaves nor one that joins takes its place.
  list(a!.listed(), b!.listed(), c!.listed({ draining: 'scaler' }), d!.listed());
  endpoints.recordEvidence(of('a'), soft);
  assert.equal(states()[0], 'serving');
  list(a!.listed(), b!.listed(), c!.listed(), d!.listed());
  endpoints.recordEvidence(of('a'), soft);
  assert.equal(states()[0], 'ejected', 'c has its model');
  list(b!.listed());
  endpoints.recordEvidence(of('b'), soft);
  assert.equal(states()[1], 'ejected', 'it is the only pod');
});

test('hard evidence takes out the only pod with a model', (t) => {
  const { endpoints, list, pods, of, states } = virtualEndpoints(t, ['a', 'b'], {}, ['m', 'n']);
  pods[0]!.alsoReports = { models: [servedModel('m')] };
  pods[1]!.alsoReports = { models: [servedModel('n')] };
  list(pods[0]!.listed(), pods[1]!.listed());
  endpoints.recordEvidence(of('a'), { kind: 'evidence', evidence: 'reset' });
  assert.deepEqual(states(), ['ejected', 'serving']);
});
