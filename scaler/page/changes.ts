/** Changes of one pool between two reports, as events of the timeline. Pure; decisions have a log of their own. */
import type { PodReport, PoolReport } from '../../contract/scaler-api.ts';
import type { TimelineEvent } from '../../contract/timeline-event.ts';

export type Change = Pick<TimelineEvent, 'kind' | 'level' | 'subject' | 'text' | 'runbook'>;

/** Changes of one kind in one report that are told one by one; more are told as one. */
const mostOfAKind = 3;
/** States in which a pod leaves by somebody's will. */
const leaving: ReadonlySet<PodReport['state']> = new Set(['draining', 'foreign-drain', 'terminating']);
const outOfRotation: ReadonlySet<PodReport['state']> = new Set(['ejected', 'probing']);

/** @param toldToGo UIDs of pods that were told to go: one may do so and be gone between two reports */
export function changesOf(before: PoolReport, after: PoolReport, toldToGo: ReadonlySet<string>): Change[] {
  return [
    ...folded(podChanges(before.pods, after.pods, toldToGo)),
    ...modelChanges(before, after),
    ...alerts(before, after),
  ];
}

/** @returns pods that are out, crash-loop or drain in a pool's first report, so that no later report tells an end without its beginning */
export function changesBefore({ pods }: PoolReport): Change[] {
  return folded(pods.flatMap((pod) => podChange({ ...pod, state: 'serving' }, pod)));
}

function podChanges(
  before: readonly PodReport[],
  after: readonly PodReport[],
  toldToGo: ReadonlySet<string>,
): Change[] {
  const byUid = new Map(before.map((pod) => [pod.uid, pod]));
  const byName = new Map(before.map((pod) => [pod.name, pod]));
  const uids = new Set(after.map(({ uid }) => uid));
  const names = new Set(after.map(({ name }) => name));
  const changes = after.flatMap((pod) => {
    const same = byUid.get(pod.uid);
    if (same !== undefined) return podChange(same, pod);
    const former = byName.get(pod.name);
    // Supervisors start a process anew under its name; a pod that was told to go is no restart.
    if (former === undefined || uids.has(former.uid) || leaving.has(former.state) || toldToGo.has(former.uid))
      return [];
    return [restart(pod, pod.lastExit ?? former.reason)];
  });
  const lost = before.filter(
    ({ uid, name, state }) =>
      !uids.has(uid) && !names.has(name) && !toldToGo.has(uid) && (state === 'serving' || outOfRotation.has(state)),
  );
  return changes.concat(
    lost.map(({ name, reason }) => change('lost', 'warn', name, `gone without a drain${because(reason)}`)),
  );
}

function podChange(before: PodReport, pod: PodReport): Change[] {
  const changes: Change[] = [];
  if ((pod.restarts ?? 0) > (before.restarts ?? 0)) changes.push(restart(pod, pod.lastExit ?? pod.reason));
  if (pod.state === before.state) return changes;
  const { name, state, reason } = pod;
  if (state === 'ejected' && before.state !== 'probing') {
    changes.push({ ...change('ejection', 'bad', name, `ejected${because(reason)}`), runbook: 'SluicePodSick' });
  }
  if (state === 'crash-looping') changes.push(change('restart', 'bad', name, `crash-looping${because(reason)}`));
  if (state === 'serving' && outOfRotation.has(before.state)) {
    changes.push(change('return', 'good', name, 'back in rotation'));
  }
  if (state === 'draining') changes.push(change('drain', 'plain', name, 'drains'));
  if (state === 'foreign-drain') changes.push(change('drain', 'bad', name, reason ?? 'drained by somebody else'));
  if (state === 'serving' && (before.state === 'draining' || before.state === 'foreign-drain')) {
    changes.push(change('drain', 'plain', name, 'serves again, its drain was cancelled'));
  }
  return changes;
}

function restart({ name }: PodReport, reason: string | null): Change {
  return change('restart', 'warn', name, `restarted${because(reason)}`);
}

function modelChanges(before: PoolReport, after: PoolReport): Change[] {
  const known = new Map(before.modelReports.map((model) => [model.name, model]));
  return after.modelReports.flatMap((model) => {
    const former = known.get(model.name);
    // A model of which something is said for the first time has not changed.
    if (former === undefined || former.maxRows === null) return [];
    const changes: Change[] = [];
    const { name, version, hash, versionRemark, unbatchedReason } = model;
    if (version !== null && former.version !== null && (version !== former.version || hash !== former.hash)) {
      const named = (of: typeof model) => `${of.version}${of.hash === null ? '' : ` (${of.hash.slice(0, 8)})`}`;
      changes.push(change('version', 'plain', name, `version ${named(former)} → ${named(model)}`));
    }
    if (versionRemark !== null && versionRemark !== former.versionRemark) {
      changes.push(change('version', 'warn', name, versionRemark));
    }
    if (unbatchedReason !== null && former.unbatchedReason === null) {
      const told = change('batching', 'warn', name, `no longer batched: ${unbatchedReason}`);
      changes.push({ ...told, runbook: 'SluiceModelUnbatched' });
    } else if (unbatchedReason === null && former.unbatchedReason !== null) {
      changes.push(change('batching', 'good', name, 'batched again'));
    }
    return changes;
  });
}

/** Short names of conditions for people on call. */
const names: Readonly<Record<string, string>> = {
  Ready: 'not ready',
  Stalled: 'stalled',
  ModelsServed: 'models not served',
  RequestsAnswered: 'errors',
  PodsHealthy: 'pods out',
  GatewaysReporting: 'gateway missing',
  AbleToScale: "can't scale",
  ScalingActive: "can't decide",
  ScalingLimited: 'at a limit',
  VersionSkew: 'versions differ',
};

function alerts(before: PoolReport, after: PoolReport): Change[] {
  // A report without troubles is of a scaler that has not looked yet.
  if (before.troubles === undefined || after.troubles === undefined) return [];
  const [former, now] = [before.troubles, after.troubles];
  const nameOf = (condition: string) => (Object.hasOwn(names, condition) ? names[condition]! : condition);
  const began = now.filter(({ condition }) => former.every((other) => other.condition !== condition));
  const ended = former.filter(({ condition }) => now.every((other) => other.condition !== condition));
  return [
    ...began.map(({ condition, level, message, runbook }) => ({
      ...change('alert', level, nameOf(condition), message),
      runbook,
    })),
    ...ended.map(({ condition }) => change('alert', 'good', nameOf(condition), 'resolved')),
  ];
}

/** Tells many changes of one kind as one: 200 pods that lose their node are one event. */
function folded(changes: readonly Change[]): Change[] {
  return [...Map.groupBy(changes, ({ kind, level }) => `${kind} ${level}`).values()].flatMap((alike) => {
    const [first, ...rest] = alike;
    if (first === undefined || alike.length <= mostOfAKind) return alike;
    return [
      { ...first, subject: `${alike.length} pods`, text: `${first.text} (${first.subject}, and ${rest.length} more)` },
    ];
  });
}

function change(kind: Change['kind'], level: Change['level'], subject: string, text: string): Change {
  return { kind, level, subject, text, runbook: null };
}

function because(reason: string | null): string {
  return reason === null || reason === '' ? '' : `: ${reason}`;
}
