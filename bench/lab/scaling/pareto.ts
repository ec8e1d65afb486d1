/** Violations over pod-seconds as an SVG, a panel for each trace and cold start. Further down and to the left is better. */
import { drawing, element, escapeText, ground, label, palette, path, type Attributes } from '../../svg.ts';
import { coldStartsS, gridMeanPods, sharedTraces } from './cases.ts';
import type { CaseResults } from './compare.ts';
import type { Result } from './contenders.ts';

const panel = { width: 330, height: 250, left: 48, top: 34 } as const;
const gap = 34;
/** Axes: pod-seconds ÷ the clairvoyant's, linear; violations in %, logarithmic. */
const x = { least: 0, most: 4 } as const;
const y = { least: 0.01, most: 100 } as const;
const colours: Readonly<Record<string, string>> = {
  sluice: palette.vermilion,
  hpa: palette.blue,
  kpa: palette.green,
  keda: palette.purple,
  ray: palette.orange,
  fixed: '#999999',
};
const gridColour = '#dddddd';

export function pareto(all: readonly CaseResults[]): string {
  const colds: readonly number[] = coldStartsS.filter((coldStartS) => coldStartS >= 10);
  const [width, height] = [colds.length * (panel.width + gap) + gap, sharedTraces.length * (panel.height + 50) + 60];
  const panels = all
    .filter(({ of }) => of.meanPods === gridMeanPods && colds.includes(of.coldStartS))
    .map((results) => {
      const column = colds.indexOf(results.of.coldStartS);
      const row = sharedTraces.indexOf(results.of.trace);
      const transform = `translate(${gap + column * (panel.width + gap)} ${row * (panel.height + 50) + 10})`;
      return element('g', { transform }, draw(results));
    });
  const legend = Object.entries(colours).map(
    ([name, colour], index) =>
      element('circle', { cx: gap + 10 + index * 80, cy: height - 32, r: 5, fill: colour }) +
      label(gap + 20 + index * 80, height - 28, name),
  );
  const svg = drawing(width, height, 11, [
    element('title', {}, escapeText(`Violations over pod-seconds at a mean of ${gridMeanPods} pods`)),
    ground(width, height),
    ...panels,
    legend.join(''),
    label(
      gap,
      height - 8,
      'large: tuned; rings: defaults; small: every setting; the line at 1 is the clairvoyant, who has no violations',
    ),
  ]);
  return `${svg}\n`;
}

function draw({ of, clairvoyant, sluice, percentiles, defaults, tuned, grids, fixed }: CaseResults): string {
  const circle = (result: Result, r: number, attributes: Attributes): string => {
    const ratio = Math.min(x.most, result.podSeconds / clairvoyant.podSeconds);
    return element('circle', { cx: across(ratio), cy: down(result.violationPercent), r, ...attributes });
  };
  const dot = (name: string, result: Result, r: number): string => circle(result, r, { fill: colours[name]! });
  return [
    label(panel.left, 20, `${of.trace}, cold start ${of.coldStartS} s`, { 'font-size': 13 }),
    ...[0.01, 0.1, 1, 10, 100].map(
      (percent) =>
        path(`M${panel.left} ${down(percent)}H${panel.width}`, { stroke: gridColour }) +
        label(panel.left - 4, down(percent) + 4, `${percent}%`, { 'text-anchor': 'end' }),
    ),
    ...[0, 1, 2, 3, 4].map(
      (ratio) =>
        path(`M${across(ratio)} ${panel.top}V${panel.height}`, { stroke: ratio === 1 ? '#000000' : gridColour }) +
        label(across(ratio), panel.height + 14, String(ratio), { 'text-anchor': 'middle' }),
    ),
    ...grids.map((result) => dot(result.name, result, 1.5)),
    ...fixed.map((result) => dot('fixed', result, 3)),
    ...percentiles.map((result) => dot('sluice', result, 3)),
    ...defaults.map((result) => circle(result, 5, { fill: 'none', stroke: colours[result.name]!, 'stroke-width': 2 })),
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
