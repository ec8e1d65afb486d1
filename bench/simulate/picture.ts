/**
 * The comparison as an SVG: arrivals above, pods below. Text alone, so that it needs nothing to be made; colours that
 * stay apart for the colour-blind (M. Okabe, K. Ito).
 */
import type { PolicyComparison } from './compare.ts';
import type { SimulationResult } from './engine.ts';

const width = 1000;
const left = 60;
const right = 20;
const arrivalsBox = { top: 50, height: 130 };
const podsBox = { top: 230, height: 320 };
const height = 640;
const colours = ['#d55e00', '#0072b2', '#009e73', '#cc79a7', '#e69f00', '#56b4e9'];
/** Points of the arrivals' line. */
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
    return `${fixed(x((bin * spanMs) / bins))},${fixed(y)} ${fixed(x(((bin + 1) * spanMs) / bins))},${fixed(y)}`;
  });
  const legend = lines.map(({ name, colour }, index) => {
    const at = left + (index % 3) * 300;
    const y = podsBox.top + podsBox.height + 40 + 20 * Math.floor(index / 3);
    return `<path d="M${at} ${y - 4}h24" stroke="${colour}" stroke-width="2"/><text x="${at + 30}" y="${y}">${escape(name)}</text>`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="12">
<title>${escape(title)}</title>
<rect width="${width}" height="${height}" fill="#ffffff"/>
<text x="${left}" y="24" font-size="15">${escape(title)}</text>
${axes(arrivalsBox, mostRate, 'requests/s')}
<polyline fill="none" stroke="#666666" points="${rateLine.join(' ')}"/>
${axes(podsBox, mostPods, 'pods (starting, ready, draining)')}
${lines.map(({ colour, result }) => staircase(result, colour, spanMs, x, mostPods)).join('\n')}
${timeAxis(spanMs, x)}
${legend.join('\n')}
</svg>
`;
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
    const y = fixed(scale(podsBox, pods, mostPods));
    return index === 0 ? `M${fixed(x(atMs))} ${y}` : `H${fixed(x(atMs))}V${y}`;
  });
  return `<path fill="none" stroke="${colour}" stroke-width="1.2" stroke-opacity="0.85" d="${steps.join('')}H${fixed(x(spanMs))}"/>`;
}

function axes({ top, height: tall }: Box, most: number, label: string): string {
  const bottom = top + tall;
  const most3 = most.toPrecision(3);
  return `<path d="M${left} ${top}V${bottom}H${width - right}" fill="none" stroke="#aaaaaa"/>
<text x="${left - 6}" y="${top + 4}" text-anchor="end">${Number(most3)}</text><text x="${left - 6}" y="${bottom}" text-anchor="end">0</text>
<text x="${left + 4}" y="${top - 6}" fill="#555555">${label}</text>`;
}

function timeAxis(spanMs: number, x: (atMs: number) => number): string {
  const y = podsBox.top + podsBox.height + 16;
  const minutes = spanMs / 60_000;
  const ticks = Array.from({ length: 7 }, (_, index) => (index * minutes) / 6);
  return ticks
    .map(
      (at) =>
        `<text x="${fixed(x(at * 60_000))}" y="${y}" text-anchor="middle">${Number(at.toPrecision(3))} min</text>`,
    )
    .join('');
}

function scale({ top, height: tall }: Box, value: number, most: number): number {
  return top + tall * (1 - value / most);
}

function fixed(value: number): string {
  return value.toFixed(1);
}

function escape(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
