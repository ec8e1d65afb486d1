/** A comparison of policies as an SVG picture: arrivals above, pods below. Pure. */
import { drawing, element, escapeText, toTenth, ground, label, line, palette, path } from '../svg.ts';
import type { PolicyComparison } from './compare.ts';
import type { SimulationResult } from './engine.ts';

const width = 1000;
const left = 60;
const right = 20;
const arrivalsBox = { top: 50, height: 130 };
const podsBox = { top: 230, height: 320 };
const height = 640;
const { blue, vermilion, green, purple, orange, sky } = palette;
const colours = [vermilion, blue, green, purple, orange, sky];
/** Steps of the line of arrivals. */
const bins = 300;

interface Box {
  readonly top: number;
  readonly height: number;
}

export function picture(title: string, arrivalsMs: Float64Array, { clairvoyant, policies }: PolicyComparison): string {
  const spanMs = arrivalsMs.at(-1)!;
  const x = (atMs: number): number => left + ((width - left - right) * Math.min(atMs, spanMs)) / spanMs;
  const lines = [
    { name: 'clairvoyant', colour: '#000000', result: clairvoyant },
    ...policies.map(({ policy, tuned, result }, index) => ({
      name: `${tuned === null ? policy : `${policy} (tuned)`} ${result.violationPercent.toFixed(2)}%`,
      colour: colours[index % colours.length]!,
      result,
    })),
  ];
  const rates = arrivalRates(arrivalsMs, spanMs);
  const mostRate = Math.max(...rates);
  const mostPods = lines.reduce((most, { result }) => Math.max(most, ...result.replicas.map(({ pods }) => pods)), 1);
  const rateLine = rates.map((rate, bin) => {
    const y = scale(arrivalsBox, rate, mostRate);
    return `${toTenth(x((bin * spanMs) / bins))},${toTenth(y)} ${toTenth(x(((bin + 1) * spanMs) / bins))},${toTenth(y)}`;
  });
  const legend = lines.map(({ name, colour }, index) => {
    const at = left + (index % 3) * 300;
    const y = podsBox.top + podsBox.height + 40 + 20 * Math.floor(index / 3);
    return path(`M${at} ${y - 4}h24`, { stroke: colour, 'stroke-width': 2 }) + label(at + 30, y, name);
  });
  const svg = drawing(width, height, 12, [
    element('title', {}, escapeText(title)),
    ground(width, height),
    label(left, 24, title, { 'font-size': 15 }),
    axes(arrivalsBox, mostRate, 'requests/s'),
    element('polyline', { fill: 'none', stroke: '#666666', points: rateLine.join(' ') }),
    axes(podsBox, mostPods, 'pods (starting, ready, draining)'),
    ...lines.map(({ colour, result }) => staircase(result, colour, spanMs, x, mostPods)),
    timeAxis(spanMs, x),
    ...legend,
  ]);
  return `${svg}\n`;
}

function arrivalRates(arrivalsMs: Float64Array, spanMs: number): number[] {
  const counts = Array<number>(bins).fill(0);
  for (const atMs of arrivalsMs) counts[Math.min(bins - 1, Math.floor((bins * atMs) / spanMs))]! += 1;
  return counts.map((count) => (1000 * count * bins) / spanMs);
}

function staircase(
  { replicas }: SimulationResult,
  colour: string,
  spanMs: number,
  x: (atMs: number) => number,
  mostPods: number,
): string {
  const steps = replicas.map(({ atMs, pods }, index) => {
    const y = toTenth(scale(podsBox, pods, mostPods));
    return index === 0 ? `M${toTenth(x(atMs))} ${y}` : `H${toTenth(x(atMs))}V${y}`;
  });
  const d = `${steps.join('')}H${toTenth(x(spanMs))}`;
  return line(d, colour, { 'stroke-width': 1.2, 'stroke-opacity': 0.85 });
}

function axes({ top, height: tall }: Box, most: number, what: string): string {
  const bottom = top + tall;
  const end = { 'text-anchor': 'end' };
  return [
    path(`M${left} ${top}V${bottom}H${width - right}`, { fill: 'none', stroke: '#aaaaaa' }),
    label(left - 6, top + 4, String(Number(most.toPrecision(3))), end) + label(left - 6, bottom, '0', end),
    label(left + 4, top - 6, what, { fill: '#555555' }),
  ].join('\n');
}

function timeAxis(spanMs: number, x: (atMs: number) => number): string {
  const y = podsBox.top + podsBox.height + 16;
  const minutes = spanMs / 60_000;
  const ticks = Array.from({ length: 7 }, (_, index) => (index * minutes) / 6);
  return ticks
    .map((at) => label(toTenth(x(at * 60_000)), y, `${Number(at.toPrecision(3))} min`, { 'text-anchor': 'middle' }))
    .join('');
}

function scale({ top, height: tall }: Box, value: number, most: number): number {
  return top + tall * (1 - value / most);
}
