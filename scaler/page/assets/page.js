/** Live page: passes the stream's events to its parts, and draws at most once per frame. */
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
let drawScheduled = false;

/** Draws the latest report, unless the page is hidden; it then draws when it becomes visible. */
function draw() {
  drawScheduled = false;
  if (latest === null || document.hidden) return;
  const start = performance.now();
  decisions.setPools(latest.pools.map((pool) => pool.name));
  form.setModels([...new Set(latest.pools.flatMap((pool) => pool.models))].sort());
  pools.draw(latest);
  decisions.tick(latest.atMs);
  showLink();
  performance.clearMeasures('sluice:update');
  performance.measure('sluice:update', { start, end: performance.now() });
}

function scheduleDraw() {
  if (drawScheduled) return;
  drawScheduled = true;
  requestAnimationFrame(draw);
}

document.addEventListener('visibilitychange', scheduleDraw);

/** @returns {string} */
function linkText() {
  switch (link.kind) {
    case 'connecting':
      return 'connecting …';
    case 'lost':
      return latest === null
        ? 'disconnected, reconnecting'
        : `disconnected, reconnecting; data is ${duration(link.sinceMs)} old`;
    case 'silent':
      return `connected, but no report for ${duration(link.sinceMs)}`;
    case 'live':
      if (latest === null || latest.leading) return 'live, this scaler leads';
      if (latest.leader === null) return 'live, no scaler leads';
      return `live, standby: ${latest.leader} leads`;
  }
}

function showLink() {
  const { body } = document;
  const kind = link.kind === 'live' && latest?.leading === false ? 'follower' : link.kind;
  if (body.dataset['link'] !== kind) {
    body.dataset['link'] = kind;
    setText(byId('spoken'), linkText());
  }
  setText(byId('link'), linkText());
  const gateways = latest?.gateways ?? [];
  const missing = gateways.filter((gateway) => !gateway.reporting && !gateway.terminating);
  const reporting = `${gateways.length - missing.length} of ${counted(gateways.length, 'gateway')} reporting`;
  const names = missing.length === 0 ? '' : `, missing: ${missing.map((gateway) => gateway.name).join(', ')}`;
  setText(byId('gateways'), latest === null ? '' : `${reporting}${names}`);
  byId('gateways').classList.toggle('bad', missing.length > 0 || (latest !== null && gateways.length === 0));
}

new Stream({
  onReport: (report) => {
    latest = report;
    history.add(report);
    scheduleDraw();
  },
  onDecision: (record, isNew) => decisions.add(record, isNew),
  onHistory: (report) => {
    history.load(report);
    if (latest !== null) history.add(latest);
    scheduleDraw();
  },
  onLink: (now) => {
    link = now;
    showLink();
  },
});
