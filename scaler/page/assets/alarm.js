/** Alarm of the whole installation, above the table: nobody leads, or gateways are missing. */
import { byId, element, setShown } from './dom.js';
import { runbookLink } from './links.js';

/** @import { PoolsReport } from '../../../contract/scaler-api.ts' */

export class Alarm {
  #node = byId('alarm');
  #shown = '';

  /** @param {PoolsReport} report */
  draw(report) {
    const alarms = alarmsOf(report);
    const key = JSON.stringify(alarms);
    if (key === this.#shown) return;
    this.#shown = key;
    this.#node.replaceChildren(
      ...alarms.flatMap(([text, runbook]) => [element('b', {}, text), ' ', runbookLink(runbook), ' ']),
    );
    setShown(this.#node, alarms.length > 0);
  }
}

/**
 * @param {PoolsReport} report
 * @returns {(readonly [text: string, runbook: string])[]}
 */
function alarmsOf({ leading, leader, gateways }) {
  /** @type {(readonly [string, string])[]} */
  const alarms = [];
  if (!leading && leader === null)
    alarms.push(['No scaler leads: nothing is scaled, drained or replaced.', 'SluiceNoLeader']);
  const missing = gateways.filter(({ reporting, terminating }) => !reporting && !terminating).map(({ name }) => name);
  if (gateways.length === 0) alarms.push(['There is no gateway: no request is taken.', 'SluiceNoGateway']);
  else if (missing.length > 0) alarms.push([`No report from ${missing.join(', ')}.`, 'SluiceGatewayMissing']);
  return alarms;
}
