/** `sluice completion`: scripts that complete commands and flags in a shell, made from the same table as `--help`. */
import { Argument, Command, type Option } from 'commander';
import type { ProgramIo } from './io.ts';

const shells = ['bash', 'zsh', 'fish'] as const;
type Shell = (typeof shells)[number];

interface Completed {
  readonly name: string;
  readonly summary: string;
  /** Words that its arguments may be. */
  readonly words: readonly string[];
  readonly flags: readonly {
    readonly flag: string;
    readonly text: string;
    readonly values: readonly string[] | null;
  }[];
}

export function completionCommand(program: Command, { print }: Pick<ProgramIo, 'print'>): Command {
  return new Command('completion')
    .summary('print a script that completes commands and flags in a shell')
    .description('Prints a script for bash, zsh or fish, made from the commands and flags of this version.')
    .addArgument(new Argument('<shell>', 'shell').choices(shells))
    .allowExcessArguments(false)
    .addHelpText(
      'after',
      `
Examples:
  source <(sluice completion bash)                                     in ~/.bashrc
  source <(sluice completion zsh)                                      in ~/.zshrc, after compinit
  sluice completion fish > ~/.config/fish/completions/sluice.fish
`,
    )
    .action((shell: Shell) => print(completionScript(shell, commandsOf(program))));
}

function commandsOf(program: Command): Completed[] {
  return program.commands.map((command) => ({
    name: command.name(),
    summary: command.summary(),
    words: command.registeredArguments.flatMap(({ argChoices }) => argChoices ?? []),
    flags: [
      ...command.options.filter(({ hidden }) => !hidden).map(flagOf),
      { flag: '--help', text: 'help', values: [] },
    ],
  }));
}

function flagOf({ long, flags, description, argChoices, required, optional }: Option): Completed['flags'][number] {
  const takesValue = required || optional;
  // The help of a setting names its values: `one of pretty, json`.
  const listed = /\(one of ([^;)]+)/.exec(description)?.[1]?.split(', ');
  const text = description.split(/[(;:.]/, 1)[0]!.trim();
  return { flag: long ?? flags, text, values: takesValue ? (argChoices ?? listed ?? null) : [] };
}

export function completionScript(shell: Shell, commands: readonly Completed[]): string {
  switch (shell) {
    case 'bash':
      return bashScript(commands);
    case 'zsh':
      // zsh runs completions of bash.
      return `autoload -U +X bashcompinit && bashcompinit\n${bashScript(commands)}`;
    case 'fish':
      return fishScript(commands);
  }
}

function bashScript(commands: readonly Completed[]): string {
  const cases = commands.map(({ name, words, flags }) => {
    const values = flags
      .filter(({ values }) => values === null || values.length > 0)
      .map(({ flag, values }) => {
        const reply =
          values === null
            ? `COMPREPLY=($(compgen -f -- "$word"))`
            : `COMPREPLY=($(compgen -W "${values.join(' ')}" -- "$word"))`;
        return `        ${flag}) ${reply}; return ;;`;
      });
    return [
      `    ${name})`,
      '      case "$before" in',
      ...values,
      '      esac',
      `      words="${[...words, ...flags.map(({ flag }) => flag)].join(' ')}"`,
      '      ;;',
    ].join('\n');
  });
  return `_sluice() {
  local word="\${COMP_WORDS[COMP_CWORD]}" before="\${COMP_WORDS[COMP_CWORD-1]}" words=""
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W "${commands.map(({ name }) => name).join(' ')} --help --version" -- "$word"))
    return
  fi
  case "\${COMP_WORDS[1]}" in
${cases.join('\n')}
  esac
  COMPREPLY=($(compgen -W "$words" -- "$word"))
}
complete -o default -F _sluice sluice`;
}

function fishScript(commands: readonly Completed[]): string {
  const quoted = (text: string): string => `'${text.replaceAll(/['\\]/g, '\\$&')}'`;
  const lines = commands.flatMap(({ name, summary, words, flags }) => [
    `complete -c sluice -n __fish_use_subcommand -f -a ${name} -d ${quoted(summary)}`,
    ...words.map((word) => `complete -c sluice -n ${quoted(`__fish_seen_subcommand_from ${name}`)} -f -a ${word}`),
    ...flags.map(({ flag, text, values }) => {
      const value = values === null ? ' -r' : values.length === 0 ? '' : ` -x -a ${quoted(values.join(' '))}`;
      return `complete -c sluice -n ${quoted(`__fish_seen_subcommand_from ${name}`)} -l ${flag.replace(/^--/, '')}${value} -d ${quoted(text)}`;
    }),
  ]);
  return lines.join('\n');
}
