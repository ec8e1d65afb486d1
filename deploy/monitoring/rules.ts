/** Prometheus rule groups, for a rule file and for the operator's PrometheusRule. */
import { alerts, type Alert } from './alerts.ts';
import { recordingGroups } from './recording-rules.ts';

/** @param runbooks prefix of the runbook links, before `<alert>.md` */
export function ruleGroups(runbooks: string): object[] {
  return [
    ...recordingGroups.map(({ name, rules }) => ({ name, rules: rules.map(({ record, expr }) => ({ record, expr })) })),
    { name: 'sluice-alerts', rules: alerts.map((alert) => alertRule(alert, runbooks)) },
  ];
}

function alertRule(alert: Alert, runbooks: string): object {
  const { name, severity, expr, summary, description } = alert;
  return {
    alert: name,
    expr,
    for: alert.for,
    labels: { severity },
    annotations: { summary, description, runbook_url: `${runbooks}${name}.md` },
  };
}
