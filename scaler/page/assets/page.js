/** Live page: passes the stream's events to its parts, and draws at most once per frame, and not while it is hidden. */
import { Alarm } from './alarm.js';
import { byId, setShown, setText } from './dom.js';
import { counted, duration } from './format.js';
import { History, windows } from './history.js';
import { ModelTable } from './model-table.js';
import { Overview } from './overview.js';
import { PoolTable } from './pool-table.js';
import { PredictForm } from './predict.js';
import { read, Stream } from './stream.js';
import { Timeline } from './timeline.js';
import { UrlState } from './url-state.js';

/** @import { HistoryReport, HistoryWindow } from '../../../contract/history-report.ts' */
/** @import { PoolsReport } from '../../../contract/scaler-api.ts' */
/** @import { Link } from './stream.js' */

const url = new UrlState();
const history = new History();
const overview = new Overview();
const alarm = new Alarm();
const pools = new PoolTable(history, url);
const models = new ModelTable(url);
const timeline = new Timeline();
const form = new PredictForm((model, pod) => pools.flash(model, pod));

/** @type {PoolsReport | null} */
let latest = null;
/** @type {Link} */
let link = { kind: 'connecting' };
let drawScheduled = false;

/** Draws the latest report, unless the page is hidden; it then draws when it becomes visible. */
function draw() {
  drawScheduled = false;
  if (document.hidden) return;
  const start = performance.now();
  if (latest !== null) {
    timeline.setPools(latest.pools.map((pool) => pool.name));
    form.setModels([...new Set(latest.pools.flatMap((pool) => pool.models))].sort());
    overview.draw(latest.pools);
    alarm.draw(latest);
    if (url.view === 'models') models.draw(latest);
    pools.draw(latest);
  }
  timeline.draw(latest?.atMs ?? Date.now());
  showLink();
  performance.clearMeasures('sluice:update');
  performance.measure('sluice:update', { start, end: performance.now() });
}

function scheduleDraw() {
  if (drawScheduled || document.hidden) return;
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

/** Says how many pools need attention; while no report arrives nobody knows, and the page doesn't pretend to. */
function showAttention() {
  const isKnown = latest !== null && (link.kind === 'live' || link.kind === 'connecting');
  const { troubled } = pools;
  const words =
    troubled === 0 ? 'Nothing needs attention' : `${counted(troubled, 'pool needs', 'pools need')} attention`;
  const title = troubled === 0 ? 'Sluice' : `(${troubled}) Sluice`;
  setText(byId('attention'), isKnown ? words : latest === null ? 'No report yet' : 'Not known: no report arrives');
  byId('attention').classList.toggle('bad', isKnown ? troubled > 0 : latest !== null);
  document.title = isKnown || latest === null ? title : '(?) Sluice';
}

function showLink() {
  const { body } = document;
  const kind = link.kind === 'live' && latest?.leading === false ? 'follower' : link.kind;
  if (body.dataset['link'] !== kind) {
    body.dataset['link'] = kind;
    setText(byId('spoken'), linkText());
  }
  setText(byId('link'), linkText());
  showAttention();
  const gateways = latest?.gateways ?? [];
  const missing = gateways.filter((gateway) => !gateway.reporting && !gateway.terminating);
  const reporting = `${gateways.length - missing.length} of ${counted(gateways.length, 'gateway')} reporting`;
  const names = missing.length === 0 ? '' : `, missing: ${missing.map((gateway) => gateway.name).join(', ')}`;
  setText(byId('gateways'), latest === null ? '' : `${reporting}${names}`);
  byId('gateways').classList.toggle('bad', missing.length > 0 || (latest !== null && gateways.length === 0));
}

/** @param {HistoryWindow} window */
async function loadHistory(window) {
  const report = await read(`api/history?window=${window}`);
  if (report === null) return;
  history.load(window, /** @type {HistoryReport} */ (report));
  if (latest !== null) history.add(latest);
  scheduleDraw();
}

function showView() {
  const isModels = url.view === 'models';
  setShown(byId('pool-view'), !isModels);
  setShown(byId('model-view'), isModels);
}

/**
 * Radio buttons of one name, whose choice the address keeps.
 * @param {string} name
 * @param {string} chosen
 * @param {(value: string) => void} onChoice
 */
function choices(name, chosen, onChoice) {
  for (const input of document.querySelectorAll(`input[name="${name}"]`)) {
    if (!(input instanceof HTMLInputElement)) continue;
    input.checked = input.value === chosen;
    input.addEventListener('change', () => {
      if (input.checked) onChoice(input.value);
      scheduleDraw();
    });
  }
}

choices('view', url.view, (value) => {
  url.view = value === 'models' ? 'models' : 'pools';
  showView();
});
choices('window', url.window, (value) => {
  if (!Object.hasOwn(windows, value)) return;
  url.window = /** @type {HistoryWindow} */ (value);
  if (history.choose(url.window)) void loadHistory(url.window);
});
history.choose(url.window);
showView();

const find = /** @type {HTMLInputElement} */ (byId('find'));
find.value = url.find;
find.addEventListener('input', () => {
  url.find = find.value;
  scheduleDraw();
});

new Stream({
  onReport: (report) => {
    latest = report;
    history.add(report);
    scheduleDraw();
  },
  onDecision: (record, isNew) => {
    timeline.addDecision(record, isNew);
    scheduleDraw();
  },
  onEvent: (event, isNew) => {
    timeline.addEvent(event, isNew);
    scheduleDraw();
  },
  onOpen: () => {
    for (const window of history.chosen) void loadHistory(window);
  },
  onLink: (now) => {
    link = now;
    showLink();
  },
});
