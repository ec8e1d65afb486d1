/** JSON written in every way that means the same: white space, escapes, order of members, forms of a number. */
import type { Chance } from './chance.ts';

/** A document whose numbers and strings are text already. */
export type Json = string | readonly Json[] | { readonly members: readonly (readonly [string, Json])[] };

export class JsonText {
  readonly #chance: Chance;
  readonly #spaced: boolean;
  readonly #escaped: boolean;

  constructor(chance: Chance) {
    this.#chance = chance;
    this.#spaced = chance.oneIn(5);
    this.#escaped = chance.oneIn(5);
  }

  write(json: Json): string {
    const space = this.#space();
    if (typeof json === 'string') return space + json + this.#space();
    if ('members' in json) {
      const members = json.members.map(
        ([name, value]) => `${this.#space()}${this.string(name)}${this.#space()}:${this.write(value)}`,
      );
      return `${space}{${members.join(',') || this.#space()}}${this.#space()}`;
    }
    return `${space}[${json.map((item) => this.write(item)).join(',') || this.#space()}]${this.#space()}`;
  }

  /** A string as a JSON token. */
  string(text: string): string {
    if (!this.#escaped) return JSON.stringify(text);
    let out = '"';
    for (const unit of text.split('')) {
      const code = unit.charCodeAt(0).toString(16).padStart(4, '0');
      if (this.#chance.oneIn(3)) out += `\\u${this.#chance.oneIn(2) ? code : code.toUpperCase()}`;
      else if (unit === '/' && this.#chance.oneIn(2)) out += '\\/';
      else out += JSON.stringify(unit).slice(1, -1);
    }
    return `${out}"`;
  }

  /** Members in any order, and now and then one that nobody knows. */
  object(members: readonly (readonly [string, Json])[]): Json {
    const all = this.#chance.oneIn(8)
      ? [...members, [`x${this.#chance.int(1000)}`, this.#anything(3)] as const]
      : members;
    return { members: this.#chance.oneIn(3) ? this.#chance.shuffled(all) : all };
  }

  /** Any document, `depth` levels deep at most. */
  #anything(depth: number): Json {
    const chance = this.#chance;
    switch (chance.int(depth > 0 ? 6 : 4)) {
      case 0:
        return chance.pick(['null', 'true', 'false']);
      case 1:
        return this.string(chance.pick(['', 'a', '\u00e4\ud83d\ude00', '"\\', '\u2028', 'x'.repeat(300)]));
      case 2:
      case 3:
        return chance.pick(['0', '-0', '1e400', '-1.5E-7', '123456789012345678901234567890', '0.1']);
      case 4:
        return Array.from({ length: chance.int(4) }, () => this.#anything(depth - 1));
      default:
        return {
          members: Array.from(
            { length: chance.int(4) },
            (_, index) => [`k${index}`, this.#anything(depth - 1)] as const,
          ),
        };
    }
  }

  #space(): string {
    if (!this.#spaced || !this.#chance.oneIn(4)) return '';
    return this.#chance.pick([' ', '\n', '\t', '\r\n', '    ']);
  }
}

/** A whole number in one of the forms that JSON has for it. */
export function wholeNumber(chance: Chance, value: bigint | number): string {
  const text = String(value);
  if (!chance.oneIn(6)) return text;
  const forms = [`${text}.0`, `${text}e0`, `${text}E+00`];
  if (text !== '0') forms.push(`${text}0e-1`);
  if (text.length > 3 && text.endsWith('00')) forms.push(`${text.slice(0, -2)}e2`);
  return chance.pick(forms);
}

/** A number of a float, in one of its forms. */
export function floatNumber(chance: Chance, value: number): string {
  const text = Object.is(value, -0) ? '-0' : String(value).replace('e+', 'e');
  switch (chance.int(6)) {
    case 0:
      return value.toExponential().replace('e+', chance.pick(['e', 'E', 'e+', 'E+0']));
    case 1:
      return text.includes('e') ? text : text.includes('.') ? `${text}000` : `${text}.0`;
    default:
      return text;
  }
}
