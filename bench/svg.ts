/** SVG as text: elements, numbers and colours of every picture that bench draws. Pure. */

export type Attributes = Readonly<Record<string, string | number>>;

/** Colours that the colour-blind tell apart (M. Okabe, K. Ito, Color Universal Design, 2002). */
export const palette = {
  blue: '#0072b2',
  vermilion: '#d55e00',
  green: '#009e73',
  purple: '#cc79a7',
  orange: '#e69f00',
  sky: '#56b4e9',
} as const;

/** An element whose attributes stand in the order of their keys; `<name …/>` where it has no content. */
export function element(name: string, attributes: Attributes, content?: string): string {
  const written = Object.entries(attributes)
    .map(([key, value]) => ` ${key}="${escapeText(String(value))}"`)
    .join('');
  return content === undefined ? `<${name}${written}/>` : `<${name}${written}>${content}</${name}>`;
}

export function path(d: string, attributes: Attributes): string {
  return element('path', { d, ...attributes });
}

/** A line without a filled area. */
export function line(d: string, stroke: string, attributes: Attributes): string {
  return element('path', { fill: 'none', stroke, ...attributes, d });
}

export function label(x: string | number, y: string | number, text: string, attributes: Attributes = {}): string {
  return element('text', { x, y, ...attributes }, escapeText(text));
}

/** The root element, on a white ground. @param place attributes between the namespace and the size of the drawing */
export function drawing(
  width: number,
  height: number,
  fontSize: number,
  parts: readonly string[],
  place: Attributes = {},
): string {
  const attributes = {
    xmlns: 'http://www.w3.org/2000/svg',
    ...place,
    viewBox: `0 0 ${width} ${height}`,
    'font-family': 'sans-serif',
    'font-size': fontSize,
  };
  return element('svg', attributes, `\n${parts.join('\n')}\n`);
}

export function ground(width: number, height: number): string {
  return element('rect', { width, height, fill: '#ffffff' });
}

/** A coordinate to a tenth of a pixel. */
export function toTenth(value: number): string {
  return value.toFixed(1);
}

export function escapeText(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}
