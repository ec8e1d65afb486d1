/** Links of the page, all to this scaler: names in them are encoded, so that none can lead elsewhere. */
import { element } from './dom.js';

/**
 * @param {string} alert name of the runbook
 * @returns {HTMLElement}
 */
export function runbookLink(alert) {
  const href = `runbooks/${encodeURIComponent(alert)}`;
  return element(
    'a',
    { class: 'runbook', href, target: '_blank', rel: 'noopener', 'aria-label': `Runbook ${alert}` },
    'runbook',
  );
}
