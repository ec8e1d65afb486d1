/** Values that flags of several commands take: each parser returns one, or throws what it must be; commander names flag and value. */
import { accessSync, constants, existsSync, statSync } from 'node:fs';
import path from 'node:path';
import { InvalidArgumentError } from 'commander';

/** NaN of what is none: to `Number`, nothing is 0. */
export function numberOf(text: string): number {
  return text.trim() === '' ? NaN : Number(text);
}

export function positive(text: string): number {
  const value = numberOf(text);
  if (!Number.isFinite(value) || value <= 0) throw new InvalidArgumentError('It must be a number above 0.');
  return value;
}

export function whole(least: number): (text: string) => number {
  return (text) => {
    const value = numberOf(text);
    if (!Number.isInteger(value) || value < least) {
      throw new InvalidArgumentError(`It must be a whole number from ${least} up.`);
    }
    return value;
  };
}

export function between(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = numberOf(text);
    if (!(value >= least && value <= most)) {
      throw new InvalidArgumentError(`It must be a number from ${least} to ${most}.`);
    }
    return value;
  };
}

export function percentile(text: string): number {
  const value = numberOf(text);
  if (!(value > 0 && value < 100)) throw new InvalidArgumentError('It must be above 0 and below 100.');
  return value;
}

/** A list with commas. */
export function someOf<T extends string | number>(all: readonly T[]): (text: string) => readonly T[] {
  return (text) =>
    text.split(',').map((part) => {
      const value = all.find((one) => String(one) === part.trim());
      if (value === undefined) throw new InvalidArgumentError(`"${part}" is none of ${all.join(', ')}.`);
      return value;
    });
}

/** A file that can be written, as far as can be known before: what has taken minutes must find its place. */
export function outputFile(text: string): string {
  try {
    if (existsSync(text)) {
      if (statSync(text).isDirectory()) throw new Error('it is a folder');
      accessSync(text, constants.W_OK);
    } else {
      accessSync(path.dirname(path.resolve(text)), constants.W_OK);
    }
  } catch (error) {
    throw new InvalidArgumentError(`It can't be written: ${(error as Error).message}.`);
  }
  return text;
}
