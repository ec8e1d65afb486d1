/** What `npm run bench:peers` was asked for. Pure. */
import { parseArgs } from 'node:util';

export type PeersCommand =
  | { readonly kind: 'help' }
  | { readonly kind: 'run'; readonly names: readonly string[]; readonly quick: boolean; readonly write: boolean };

/** @throws Error that says what is wrong, and what there is */
export function parsePeersCommand(args: readonly string[], known: readonly string[]): PeersCommand {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      help: { type: 'boolean', short: 'h', default: false },
      quick: { type: 'boolean', default: false },
      write: { type: 'boolean', default: false },
    },
  });
  if (values.help) return { kind: 'help' };
  const there = `the peers are ${known.join(', ')}, or all`;
  if (positionals.length === 0) throw new Error(`names no peer; ${there}`);
  const unknown = positionals.filter((name) => name !== 'all' && !known.includes(name));
  if (unknown.length > 0) throw new Error(`knows no ${unknown.join(', ')}; ${there}`);
  const names = positionals.includes('all') ? known : known.filter((name) => positionals.includes(name));
  return { kind: 'run', names, quick: values.quick, write: values.write };
}

export function helpText(known: readonly string[]): string {
  return `npm run bench:peers -- NAME … [--quick] [--write]

Measures Sluice and another server in turns (A B A B) on this machine: the same models, rows, cores and load.
Needs Python 3.11 or newer with venv, and the network when a peer is run for the first time: its pinned packages go into
a virtual environment in $XDG_CACHE_HOME/sluice/peers (~/.cache without it).

  NAME      ${known.join(', ')}, or all
  --quick   two short rounds, for a look
  --write   writes bench/results/peer-NAME.md
`;
}
