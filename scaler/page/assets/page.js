/** The page: what the stream says goes to its parts, once a frame at most. */
import { Decisions } from './decisions.js';
import { byId, setText } from './dom.js';
import { counted, duration } from './format.js';
import { History } from './history.js';
import { PoolList } from './pool-list.js';
import { PredictForm } from './predict.js';
import { Stream } from './stream.js';

/** @import { PoolsReport } from '../../../contract/scaler-api.ts' */
/** @import { Link } from './stream.js' */

const history = new History();
const pools = new PoolList(history);
const decisions = new Decisions();
const form = new PredictForm((model, pod) => pools.flash(model, pod));

/** @type {PoolsReport | null} */
let latest = null;
/** @type {Link} */
let link = { kind: 'connecting' };
let planned = false;

/** A hidden page keeps its history and draws when it is looked at again. */
function draw() {
  planned = false;
  if (latest === null || document.hidden) return;
  const start = performance.now();
  decisions.setPools(latest.pools.map((pool) => pool.name));
  form.setModels([...new Set(latest.pools.flatMap((pool) => pool.models))].sort());
  pools.draw(latest);
  decisions.tick(latest.atMs);
  sayLink();
  performance.clearMeasures('sluice:update');
  performance.measure('sluice:update', { start, end: performance.now() });
}

function plan() {
  if (planned) return;
  planned = true;
  requestAnimationFrame(draw);
}

document.addEventListener('visibilitychange', plan);

/** @returns {string} */
function wordsOfLink() {
  switch (link.kind) {
    case 'connecting':
      return 'connecting …';
    case 'lost':
      return latest === null
        ? 'not connected, trying again'
        : `not connected, trying again; this is what was known ${duration(link.sinceMs)} ago`;
    case 'silent':
      return `connected, but silent for ${duration(link.sinceMs)}`;
    case 'live':
      if (latest === null || latest.leading) return 'live, this scaler leads';
      if (latest.leader === null) return 'live, no scaler leads';
      return `live, a follower: led by ${latest.leader}`;
  }
}

function sayLink() {
  const { body } = document;
  const kind = link.kind === 'live' && latest?.leading === false ? 'follower' : link.kind;
  if (body.dataset['link'] !== kind) {
    body.dataset['link'] = kind;
    setText(byId('spoken'), wordsOfLink());
  }
  setText(byId('link'), wordsOfLink());
  const gateways = latest?.gateways ?? [];
  const missing = gateways.filter((gateway) => !gateway.reporting && !gateway.terminating);
  const heard = `${gateways.length - missing.length} of ${counted(gateways.length, 'gateway')} reporting`;
  const who = missing.length === 0 ? '' : `, not ${missing.map((gateway) => gateway.name).join(', ')}`;
  setText(byId('gateways'), latest === null ? '' : `${heard}${who}`);
  byId('gateways').classList.toggle('bad', missing.length > 0 || (latest !== null && gateways.length === 0));
}

new Stream({
  onReport: (report) => {
    latest = report;
    history.add(report);
    plan();
  },
  onDecision: (record, isNew) => decisions.add(record, isNew),
  onHistory: (report) => {
    history.load(report);
    if (latest !== null) history.add(latest);
    plan();
  },
  onLink: (now) => {
    link = now;
    sayLink();
  },
});
