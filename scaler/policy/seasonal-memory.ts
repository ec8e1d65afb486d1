/**
 * Memory of a pool's rushes, and its text form, which is kept in the pool's status for the next scaler. Pure; decides nothing.
 *
 *   text = "v1 " + since + " " + day record + " " + week record + " " + margin + " " + level scale + " " + rushes
 *   rushes = for each: tens of seconds since the one before (the first: since `since`), in base 36, then two digits of its level,
 *            round(ln(100·perS)/ln 1.02), in base 36; separated by commas; "-" for none
 *
 * At most 400 rushes of the last 15 days are kept, so that the text stays below 4 KiB. Text of another version, or with anything
 * impossible in it, is no memory at all: the pool learns anew. Derivation: docs/scaling-algorithm.md, "The shape of days".
 */

/** Sudden rise of the arrival rate. */
export interface Rush {
  /** Start, seconds since 1970, a multiple of 10. */
  readonly atS: number;
  /** Level within its first three minutes, requests/s. */
  readonly perS: number;
}

/** How often a profile's forecasts came true, whether or not pods were ordered for them; older ones weigh less. */
export interface ProfileRecord {
  readonly right: number;
  readonly made: number;
}

export interface SeasonalMemory {
  /** Time since which every rush is known, seconds since 1970, a multiple of 10. */
  readonly sinceS: number;
  /** Oldest first. */
  readonly rushes: readonly Rush[];
  readonly day: ProfileRecord;
  readonly week: ProfileRecord;
  /** Seconds that pods are ready before the earliest start seen; moved by rushes that came before it. */
  readonly marginS: number;
  /** Factor on the levels seen; moved by rushes that were higher. */
  readonly levelScale: number;
}

export const dayS = 86_400;
/** Bounds of what errors move. */
export const mostMarginS = 240;
export const [leastScale, mostScale] = [0.9, 1.5] as const;
/** Two weeks, for two rushes of the same weekday, and a day for those that come early. */
const rememberedS = 15 * dayS;
export const mostRushes = 400;
/** Longest text that is read; `encodeMemory` stays below it. */
export const mostTextLength = 4096;
/** Seconds by which clocks of two scalers may differ. */
const clockErrorS = 60;

export function newMemory(nowS: number): SeasonalMemory {
  const none = { right: 0, made: 0 };
  return { sinceS: 10 * Math.floor(nowS / 10), rushes: [], day: none, week: none, marginS: 30, levelScale: 1 };
}

export function addRush(memory: SeasonalMemory, rush: Rush, nowS: number): SeasonalMemory {
  const oldestS = nowS - rememberedS;
  const all = [...memory.rushes.filter(({ atS }) => atS < rush.atS), rush].filter(({ atS }) => atS >= oldestS);
  const rushes = all.slice(-mostRushes);
  const known = all.length > rushes.length ? rushes[0]!.atS : oldestS;
  return { ...memory, rushes, sinceS: Math.max(memory.sinceS, 10 * Math.ceil(known / 10)) };
}

const levelStep = Math.log(1.02);
const mostLevel = 36 ** 2 - 1;

function levelCode(perS: number): number {
  return Math.min(mostLevel, Math.max(0, Math.round(Math.log(100 * perS) / levelStep)));
}

export function encodeMemory({ sinceS, rushes, day, week, marginS, levelScale }: SeasonalMemory): string {
  let before = sinceS;
  const parts = rushes.map(({ atS, perS }) => {
    const tens = Math.round((atS - before) / 10);
    before = atS;
    return `${tens.toString(36)}${levelCode(perS).toString(36).padStart(2, '0')}`;
  });
  const record = ({ right, made }: ProfileRecord): string => `${right.toFixed(2)}/${made.toFixed(2)}`;
  const numbers = [sinceS, record(day), record(week), marginS.toFixed(1), levelScale.toFixed(3)];
  return ['v1', ...numbers, parts.length === 0 ? '-' : parts.join(',')].join(' ');
}

const form =
  /^v1 (\d{1,12}) (\d{1,3}\.\d\d)\/(\d{1,3}\.\d\d) (\d{1,3}\.\d\d)\/(\d{1,3}\.\d\d) (\d{1,3}\.\d) (\d\.\d{3}) (-|[0-9a-z,]+)$/;

/** @returns null for text that no scaler of this version wrote, or that tells of the future */
export function decodeMemory(text: unknown, nowS: number): SeasonalMemory | null {
  if (typeof text !== 'string' || text.length > mostTextLength) return null;
  const found = form.exec(text);
  if (found === null) return null;
  const [sinceS, dayRight, dayMade, weekRight, weekMade, marginS, levelScale] = found.slice(1, 8).map(Number) as [
    number,
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  if (dayRight > dayMade || weekRight > weekMade || sinceS % 10 !== 0 || sinceS > nowS + clockErrorS) return null;
  if (marginS > mostMarginS || levelScale < leastScale || levelScale > mostScale) return null;
  const rushes = decodeRushes(found[8]!, sinceS);
  if (rushes === null || rushes.length > mostRushes || (rushes.at(-1)?.atS ?? 0) > nowS + clockErrorS) return null;
  const known = rushes.filter(({ atS }) => atS >= nowS - rememberedS);
  const day = { right: dayRight, made: dayMade };
  const week = { right: weekRight, made: weekMade };
  return { sinceS, rushes: known, day, week, marginS, levelScale };
}

function decodeRushes(text: string, sinceS: number): Rush[] | null {
  if (text === '-') return [];
  const rushes: Rush[] = [];
  let atS = sinceS;
  for (const part of text.split(',')) {
    if (part.length < 3 || part.length > 8) return null;
    const tens = parseInt(part.slice(0, -2), 36);
    if (tens === 0 && rushes.length > 0) return null;
    atS += 10 * tens;
    rushes.push({ atS, perS: Math.exp(parseInt(part.slice(-2), 36) * levelStep) / 100 });
  }
  return rushes;
}
