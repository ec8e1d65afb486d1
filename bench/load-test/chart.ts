/** Line charts as SVG text. Pure. */
import { drawing, toTenth, ground, label, line, palette, path } from '../svg.ts';

export interface ChartSeries {
  readonly name: string;
  /** Points in ascending order of x; a null y leaves a gap in the line. */
  readonly points: readonly (readonly [x: number, y: number | null])[];
}

export interface Chart {
  readonly title: string;
  readonly unit: string;
  readonly series: readonly ChartSeries[];
  readonly x: { readonly from: number; readonly to: number; readonly ticks: readonly (readonly [number, string])[] };
  /** Horizontal line across the chart, such as an objective. */
  readonly mark?: { readonly at: number; readonly name: string };
  /** Use an axis of powers of ten instead of a linear one from 0. */
  readonly logarithmic?: boolean;
}

export const chartWidth = 900;
export const chartHeight = 280;
const box = { left: 70, right: 20, top: 50, bottom: 40 };
const { blue, vermilion, green, purple, orange, sky } = palette;
const colours = [blue, vermilion, green, purple, orange, sky];
const gridColour = '#dddddd';

/** @param top vertical position in a picture of several charts */
export function renderChart({ title, unit, series, x, mark, logarithmic = false }: Chart, top = 0): string {
  const values = [...series.flatMap(({ points }) => points.map(([, y]) => y)), mark?.at ?? null].filter(
    (y) => y !== null,
  );
  const axis = logarithmic ? logarithmicAxis(values) : linearAxis(values);
  const atX = (value: number): number =>
    box.left + ((chartWidth - box.left - box.right) * (value - x.from)) / (x.to - x.from || 1);
  const atY = (value: number): number => box.top + (chartHeight - box.top - box.bottom) * (1 - axis.place(value));
  const bottom = chartHeight - box.bottom;
  const right = chartWidth - box.right;
  const lines = series.map(({ points }, index) => {
    const d = pathOf(points.map(([px, y]) => [atX(px), y === null ? null : atY(y)]));
    return line(d, colourOf(index), { 'stroke-width': 1.5 });
  });
  const legend = series.map(({ name }, index) => {
    const at = box.left + 150 * index;
    return path(`M${at} 38h20`, { stroke: colourOf(index), 'stroke-width': 3 }) + label(at + 26, 42, name);
  });
  const rows = axis.ticks.map(
    (tick) =>
      path(`M${box.left} ${toTenth(atY(tick))}H${right}`, { stroke: gridColour }) +
      label(box.left - 6, toTenth(atY(tick) + 4), String(Number(tick.toPrecision(3))), { 'text-anchor': 'end' }),
  );
  const columns = x.ticks.map(([at, text]) => label(toTenth(atX(at)), bottom + 18, text, { 'text-anchor': 'middle' }));
  return drawing(
    chartWidth,
    chartHeight,
    12,
    [
      ground(chartWidth, chartHeight),
      label(box.left, 20, `${title}, ${unit}`, { 'font-size': 15 }),
      ...legend,
      ...rows,
      ...columns,
      ...lines,
      ...(mark === undefined
        ? []
        : [
            path(`M${box.left} ${toTenth(atY(mark.at))}H${right}`, { stroke: vermilion, 'stroke-dasharray': '6 4' }),
            label(right, toTenth(atY(mark.at) - 5), mark.name, { 'text-anchor': 'end' }),
          ]),
      path(`M${box.left} ${box.top}V${bottom}H${right}`, { fill: 'none', stroke: '#888888' }),
    ],
    { y: top, width: chartWidth, height: chartHeight },
  );
}

interface Axis {
  readonly ticks: readonly number[];
  /** Position of a value on the axis: 0 at the bottom, 1 at the top. */
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
    if (y !== null) path += `${drawing ? 'L' : 'M'}${toTenth(px)} ${toTenth(y)}`;
    drawing = y !== null;
  }
  return path;
}

function colourOf(index: number): string {
  return colours[index % colours.length]!;
}
