/** Finds what `sluice logs` was asked for among the pods that there are. Pure. */
import { suggestion } from '../../contract/nearest-name.ts';
import { AskError } from '../ask-scaler.ts';

const poolPrefix = 'pool/';
const mostNames = 8;

/** Pool of `pool/NAME`; null for the name of a pod. */
export function poolOf(asked: string): string | null {
  return asked.startsWith(poolPrefix) ? asked.slice(poolPrefix.length) : null;
}

/** Error that lists what there is, with what was probably meant */
export function noSuch(what: 'pod' | 'pool', asked: string, known: readonly string[]): AskError {
  const more = known.length > mostNames ? ` and ${known.length - mostNames} more` : '';
  const listed = known.length === 0 ? 'there are none' : `${what}s: ${known.slice(0, mostNames).join(', ')}${more}`;
  return new AskError(`there is no ${what} ${JSON.stringify(asked)}; ${listed}${suggestion(asked, known)}`);
}
