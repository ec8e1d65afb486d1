/** Makes the input of a number: the same for the same seed, whatever came before it. */
import { Chance } from './chance.ts';
import { envelopeInput } from './envelopes.ts';
import { validRequest } from './grammar.ts';
import { kinds, type Input, type Kind } from './input.ts';
import { mutate } from './mutate.ts';
import { socketInput } from './sockets.ts';

/** Inputs of each kind in a hundred. */
const shares: Readonly<Record<Kind, number>> = { json: 45, binary: 30, sockets: 12, envelopes: 13 };

/** @param only of one kind, or null for all */
export function makeInput(seed: number, index: number, only: Kind | null): Input {
  const chance = new Chance(seed, index);
  const kind = only ?? kindAt(chance.int(100));
  const valid = chance.oneIn(3);
  if (kind === 'sockets') return socketInput(chance, valid);
  if (kind === 'envelopes') return envelopeInput(chance, valid);
  const request = { ...validRequest(chance, kind), port: chance.oneIn(10) ? ('pod' as const) : ('client' as const) };
  return valid ? request : mutate(chance, request);
}

function kindAt(place: number): Kind {
  let left = place;
  for (const kind of kinds) {
    if (left < shares[kind]) return kind;
    left -= shares[kind];
  }
  return 'json';
}
