/** Parsers and checks of flag values. Parsers are for commander, which adds the flag and the rejected value to the errors that they throw. */
import { accessSync, constants, existsSync, statSync } from 'node:fs';
import path from 'node:path';
import { InvalidArgumentError } from 'commander';

/** Parses a number; NaN for blank text, which `Number` would read as 0. */
export function numberOf(text: string): number {
  return text.trim() === '' ? NaN : Number(text);
}

export function positive(text: string): number {
  const value = numberOf(text);
  if (!Number.isFinite(value) || value <= 0) throw new InvalidArgumentError('It must be a number above 0.');
  return value;
}

export function whole(minimum: number): (text: string) => number {
  return (text) => {
    const value = numberOf(text);
    if (!Number.isInteger(value) || value < minimum) {
      throw new InvalidArgumentError(`It must be a whole number of at least ${minimum}.`);
    }
    return value;
  };
}

export function between(minimum: number, maximum: number): (text: string) => number {
  return (text) => {
    const value = numberOf(text);
    if (!(value >= minimum && value <= maximum)) {
      throw new InvalidArgumentError(`It must be a number from ${minimum} to ${maximum}.`);
    }
    return value;
  };
}

export function percentile(text: string): number {
  const value = numberOf(text);
  if (!(value > 0 && value < 100)) throw new InvalidArgumentError('It must be above 0 and below 100.');
  return value;
}

/** Parses a comma-separated list of the values in `all`. */
export function someOf<T extends string | number>(all: readonly T[]): (text: string) => readonly T[] {
  return (text) =>
    text.split(',').map((part) => {
      const value = all.find((one) => String(one) === part.trim());
      if (value === undefined) throw new InvalidArgumentError(`"${part}" is not one of ${all.join(', ')}.`);
      return value;
    });
}

/** Accepts a file that appears writable, so that a long run does not fail when it saves its result. */
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

/** Whether a text is the whole URL of an HTTP server: `localhost:8080` is not, whose scheme would be `localhost`. */
export function isHttpUrl(text: string): boolean {
  return /^https?:\/\//.test(text) && URL.canParse(text);
}
