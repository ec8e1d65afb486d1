/** Violations over pod-seconds as an SVG, a panel for each trace and cold start: who is further down and to the left is better. */
import { coldStartsS, gridMeanPods, sharedTraces } from './cases.ts';
import type { CaseResults } from './compare.ts';
import type { Result } from './contenders.ts';

const panel = { width: 330, height: 250, left: 48, top: 34 } as const;
const gap = 34;
/** Pod-seconds ÷ the clairvoyant's, linear; violations in %, logarithmic. */
const x = { least: 0, most: 4 } as const;
const y = { least: 0.01, most: 100 } as const;
const colours: Readonly<Record<string, string>> = {
  sluice: '#d55e00',
  hpa: '#0072b2',
  kpa: '#009e73',
  keda: '#cc79a7',
  ray: '#e69f00',
  fixed: '#999999',
};

export function pareto(all: readonly CaseResults[]): string {
  const colds: readonly number[] = coldStartsS.filter((coldStartS) => coldStartS >= 10);
  const [width, height] = [colds.length * (panel.width + gap) + gap, sharedTraces.length * (panel.height + 50) + 60];
  const panels = all
    .filter(({ of }) => of.meanPods === gridMeanPods && colds.includes(of.coldStartS))
    .map((results) => {
      const column = colds.indexOf(results.of.coldStartS);
      const row = sharedTraces.indexOf(results.of.trace);
      return `<g transform="translate(${gap + column * (panel.width + gap)} ${row * (panel.height + 50) + 10})">${draw(results)}</g>`;
    });
  const legend = Object.entries(colours).map(
    ([name, colour], index) =>
      `<circle cx="${gap + 10 + index * 80}" cy="${height - 32}" r="5" fill="${colour}"/><text x="${gap + 20 + index * 80}" y="${height - 28}">${name}</text>`,
  );
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="11">
<title>Violations over pod-seconds at a mean of ${gridMeanPods} pods</title>
<rect width="${width}" height="${height}" fill="#ffffff"/>
${panels.join('\n')}
${legend.join('')}
<text x="${gap}" y="${height - 8}">large: tuned; rings: defaults; small: every setting; the line at 1 is the clairvoyant, who has no violations</text>
</svg>
`;
}

function draw({ of, clairvoyant, sluice, percentiles, defaults, tuned, grids, fixed }: CaseResults): string {
  const place = ({ podSeconds, violationPercent }: Result): string => {
    const ratio = Math.min(x.most, podSeconds / clairvoyant.podSeconds);
    return `cx="${across(ratio)}" cy="${down(violationPercent)}"`;
  };
  const dot = (name: string, result: Result, size: number): string =>
    `<circle ${place(result)} r="${size}" fill="${colours[name]!}"/>`;
  return [
    `<text x="${panel.left}" y="20" font-size="13">${of.trace}, cold start ${of.coldStartS} s</text>`,
    ...[0.01, 0.1, 1, 10, 100].map(
      (percent) =>
        `<path d="M${panel.left} ${down(percent)}H${panel.width}" stroke="#dddddd"/><text x="${panel.left - 4}" y="${down(percent) + 4}" text-anchor="end">${percent}%</text>`,
    ),
    ...[0, 1, 2, 3, 4].map(
      (ratio) =>
        `<path d="M${across(ratio)} ${panel.top}V${panel.height}" stroke="${ratio === 1 ? '#000000' : '#dddddd'}"/><text x="${across(ratio)}" y="${panel.height + 14}" text-anchor="middle">${ratio}</text>`,
    ),
    ...grids.map((result) => dot(result.name, result, 1.5)),
    ...fixed.map((result) => dot('fixed', result, 3)),
    ...percentiles.map((result) => dot('sluice', result, 3)),
    ...defaults.map(
      (result) => `<circle ${place(result)} r="5" fill="none" stroke="${colours[result.name]!}" stroke-width="2"/>`,
    ),
    ...tuned.map((result) => dot(result.name, result, 5)),
    dot('sluice', sluice, 7),
  ].join('');
}

function across(ratio: number): number {
  return round(panel.left + ((panel.width - panel.left) * (ratio - x.least)) / (x.most - x.least));
}

function down(percent: number): number {
  const share = Math.log(Math.max(y.least, percent) / y.least) / Math.log(y.most / y.least);
  return round(panel.height - (panel.height - panel.top) * share);
}

function round(value: number): number {
  return Math.round(10 * value) / 10;
}
