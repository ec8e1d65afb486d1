/** A line chart as SVG text. Colours that stay apart for the colour-blind (M. Okabe, K. Ito). Pure. */

export interface ChartSeries {
  readonly name: string;
  /** Ascending in x; a null y leaves a gap. */
  readonly points: readonly (readonly [x: number, y: number | null])[];
}

export interface Chart {
  readonly title: string;
  readonly unit: string;
  readonly series: readonly ChartSeries[];
  readonly x: { readonly from: number; readonly to: number; readonly ticks: readonly (readonly [number, string])[] };
  /** Powers of ten instead of an axis from 0. */
  readonly logarithmic?: boolean;
}

export const chartWidth = 900;
export const chartHeight = 280;
const box = { left: 70, right: 20, top: 50, bottom: 40 };
const colours = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#e69f00', '#56b4e9'];

/** @param top where it stands in a picture of several */
export function renderChart({ title, unit, series, x, logarithmic = false }: Chart, top = 0): string {
  const values = series.flatMap(({ points }) => points.map(([, y]) => y)).filter((y) => y !== null);
  const axis = logarithmic ? logarithmicAxis(values) : linearAxis(values);
  const atX = (value: number): number =>
    box.left + ((chartWidth - box.left - box.right) * (value - x.from)) / (x.to - x.from || 1);
  const atY = (value: number): number => box.top + (chartHeight - box.top - box.bottom) * (1 - axis.place(value));
  const bottom = chartHeight - box.bottom;
  const lines = series.map(({ points }, index) => {
    const path = pathOf(points.map(([px, y]) => [atX(px), y === null ? null : atY(y)]));
    return `<path fill="none" stroke="${colourOf(index)}" stroke-width="1.5" d="${path}"/>`;
  });
  const legend = series.map(({ name }, index) => {
    const at = box.left + 150 * index;
    return `<path d="M${at} 38h20" stroke="${colourOf(index)}" stroke-width="3"/><text x="${at + 26}" y="42">${escapeText(name)}</text>`;
  });
  const rows = axis.ticks.map(
    (tick) =>
      `<path d="M${box.left} ${fixed(atY(tick))}H${chartWidth - box.right}" stroke="#dddddd"/>` +
      `<text x="${box.left - 6}" y="${fixed(atY(tick) + 4)}" text-anchor="end">${Number(tick.toPrecision(3))}</text>`,
  );
  const columns = x.ticks.map(
    ([at, label]) => `<text x="${fixed(atX(at))}" y="${bottom + 18}" text-anchor="middle">${escapeText(label)}</text>`,
  );
  return `<svg xmlns="http://www.w3.org/2000/svg" y="${top}" width="${chartWidth}" height="${chartHeight}" viewBox="0 0 ${chartWidth} ${chartHeight}" font-family="sans-serif" font-size="12">
<rect width="${chartWidth}" height="${chartHeight}" fill="#ffffff"/>
<text x="${box.left}" y="20" font-size="15">${escapeText(title)}, ${escapeText(unit)}</text>
${[...legend, ...rows, ...columns, ...lines].join('\n')}
<path d="M${box.left} ${box.top}V${bottom}H${chartWidth - box.right}" fill="none" stroke="#888888"/>
</svg>`;
}

interface Axis {
  readonly ticks: readonly number[];
  /** 0 at the bottom, 1 at the top. */
  place(value: number): number;
}

function linearAxis(values: readonly number[]): Axis {
  const most = Math.max(...values, 0) || 1;
  const magnitude = 10 ** Math.floor(Math.log10(most));
  const step = [0.2, 0.5, 1, 2].map((factor) => factor * magnitude).find((one) => most / one <= 5) ?? magnitude;
  const top = Math.ceil(most / step) * step;
  const ticks = Array.from({ length: Math.round(top / step) + 1 }, (_, index) => index * step);
  return { ticks, place: (value) => value / top };
}

function logarithmicAxis(values: readonly number[]): Axis {
  const above = values.filter((value) => value > 0);
  const from = above.length === 0 ? 0 : Math.floor(Math.log10(Math.min(...above)));
  const to = Math.max(from + 1, above.length === 0 ? 1 : Math.ceil(Math.log10(Math.max(...above))));
  const ticks = Array.from({ length: to - from + 1 }, (_, index) => 10 ** (from + index));
  return { ticks, place: (value) => (Math.log10(Math.max(value, 10 ** from)) - from) / (to - from) };
}

function pathOf(points: readonly (readonly [number, number | null])[]): string {
  let path = '';
  let drawing = false;
  for (const [px, y] of points) {
    if (y !== null) path += `${drawing ? 'L' : 'M'}${fixed(px)} ${fixed(y)}`;
    drawing = y !== null;
  }
  return path;
}

function colourOf(index: number): string {
  return colours[index % colours.length]!;
}

function fixed(value: number): string {
  return value.toFixed(1);
}

export function escapeText(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}
