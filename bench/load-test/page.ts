/** Report as one file that loads nothing else: a page (HTML), or its charts alone (SVG). Pure. */
import { escapeText } from '../svg.ts';
import { chartHeight, chartWidth, renderChart, type Chart } from './chart.ts';
import type { Report } from './report.ts';
import { digits, renderReport } from './text.ts';
import { verdictWords } from './verdict.ts';

export function renderPage(report: Report): string {
  const title = `${report.model} at ${report.target}`;
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>${escapeText(title)}</title>
<meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark">
<style>${style}</style>
<h1>${escapeText(title)}</h1>
${verdictOf(report)}
<dl>${tilesOf(report)
    .map(([name, value]) => `<div><dt>${escapeText(name)}</dt><dd>${escapeText(value)}</dd></div>`)
    .join('')}</dl>
<pre>${escapeText(renderReport(report))}</pre>
${chartsOf(report)
  .map((chart) => renderChart(chart))
  .join('\n')}
<p>${escapeText(report.machine)}</p>
<script type="application/json" id="report">${JSON.stringify(report).replaceAll('<', '\\u003c')}</script>
</html>
`;
}

const style = `
body { font: 15px/1.5 sans-serif; max-width: ${chartWidth}px; margin: 2em auto; padding: 0 1em; color: #222; background: #fff }
pre { overflow-x: auto; background: #f6f6f6; padding: 1em }
svg { max-width: 100%; height: auto; margin: 1em 0 }
dl { display: flex; flex-wrap: wrap; gap: 0.75em; margin: 1em 0 }
dl div { background: #f6f6f6; padding: 0.5em 1em; min-width: 7em }
dt { font-size: 13px }
dd { margin: 0; font-size: 20px }
.verdict { font-size: 18px; padding: 0.5em 1em; border-left: 6px solid #888 }
.kept { border-color: #009e73 }
.missed { border-color: #d55e00 }
@media (prefers-color-scheme: dark) {
  body { color: #ddd; background: #16181c }
  pre, dl div { background: #24272d }
  /* The charts are drawn for a white page: their lightness is turned round, and their colours are kept. */
  svg { filter: invert(0.91) hue-rotate(180deg) }
}`;

function verdictOf({ verdict }: Report): string {
  if (verdict === null) return '';
  return `<p class="verdict ${verdict.outcome}">Objective ${escapeText(verdictWords(verdict))}</p>`;
}

function tilesOf(report: Report): (readonly [name: string, value: string])[] {
  const { offered, good, rejected, errors, completedPerSecond, latencyMs, sluice } = report;
  const share = (count: number): string => (offered === 0 ? '0' : `${((100 * count) / offered).toFixed(2)}%`);
  const batch = sluice?.meanBatch ?? null;
  return [
    ['good', `${digits(completedPerSecond)}/s`],
    ['p50', `${digits(latencyMs.p50)} ms`],
    ['p99', `${digits(latencyMs.p99)} ms`],
    ['slowest', `${digits(latencyMs.max)} ms`],
    ['answered well', share(good)],
    ['rejected', share(rejected)],
    ['errors', share(errors)],
    ...(batch === null ? [] : [['mean batch', `${digits(batch)} rows`] as const]),
  ];
}

export function renderPicture(report: Report): string {
  const charts = chartsOf(report);
  const height = charts.length * chartHeight;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${chartWidth} ${height}">
<title>${escapeText(`${report.model} at ${report.target}`)}</title>
${charts.map((chart, index) => renderChart(chart, index * chartHeight)).join('\n')}
</svg>
`;
}

function chartsOf({ latencyCurve, seconds, sluice, verdict }: Report): Chart[] {
  const mark =
    verdict === null
      ? {}
      : { mark: { at: verdict.objective.latencyMs, name: `objective ${verdict.objective.latencyMs} ms` } };
  const over = timeAxis(Math.max(1, seconds.length));
  const charts: Chart[] = [
    {
      title: 'Latency by percentile',
      unit: 'ms',
      logarithmic: true,
      ...mark,
      // Axis in nines: 90, 99 and 99.9 are equally far apart.
      x: {
        from: 0,
        to: 4,
        ticks: [
          [0, '0'],
          [1, '90'],
          [2, '99'],
          [3, '99.9'],
          [4, '99.99'],
        ],
      },
      series: [
        { name: 'latency', points: latencyCurve.map(({ percentile, ms }) => [-Math.log10(1 - percentile / 100), ms]) },
      ],
    },
    {
      title: 'Requests over time',
      unit: 'a second',
      x: over,
      series: (['offered', 'good', 'rejected', 'failed'] as const).map((name) => ({
        name,
        points: seconds.map((one) => [one.second, one[name]]),
      })),
    },
    {
      title: 'Latency over time',
      unit: 'ms',
      logarithmic: true,
      ...mark,
      x: over,
      series: [
        { name: 'p50', points: seconds.map((one) => [one.second, one.good === 0 ? null : one.p50Ms]) },
        { name: 'p99', points: seconds.map((one) => [one.second, one.good === 0 ? null : one.p99Ms]) },
      ],
    },
    {
      // The slowest of a second is one request, and would press the percentiles of all others together.
      title: 'Slowest answer of each second',
      unit: 'ms',
      logarithmic: true,
      x: over,
      series: [{ name: 'max', points: seconds.map((one) => [one.second, one.good === 0 ? null : one.maxMs]) }],
    },
  ];
  if (sluice === null || sluice.seconds.length === 0) return charts;
  const of = timeAxis(sluice.seconds.length);
  charts.push(
    {
      title: 'Mean batch',
      unit: 'rows',
      x: of,
      series: [{ name: 'mean batch', points: sluice.seconds.map((one) => [one.second, one.meanBatch]) }],
    },
    {
      title: 'Pods',
      unit: 'in rotation',
      x: of,
      series: [{ name: 'pods', points: sluice.seconds.map((one) => [one.second, one.pods]) }],
    },
    {
      title: 'Shed by the gateway',
      unit: 'requests a second',
      x: of,
      series: [{ name: 'shed', points: sluice.seconds.map((one) => [one.second, one.shed]) }],
    },
  );
  return charts;
}

function timeAxis(seconds: number): Chart['x'] {
  const last = Math.max(1, seconds - 1);
  const step = Math.max(1, Math.ceil(last / 10));
  const count = Math.floor(last / step) + 1;
  return { from: 0, to: last, ticks: Array.from({ length: count }, (_, index) => [index * step, `${index * step} s`]) };
}
