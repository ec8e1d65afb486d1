/** Adds what is allowed to commander's messages about a command line: each is one line that names the flag or word, and a hint. */
import { Command, type Option } from 'commander';
import { suggestion } from '../contract/nearest-name.ts';
import { exitUsage } from '../runtime/process/usage.ts';

/** Applies to a program and all its commands. */
export function explainUsage(program: Command): void {
  for (const command of [program, ...program.commands]) {
    command.exitOverride().configureOutput({
      outputError: (text, write) => write(explained(text, command, program)),
    });
  }
}

/** `sluice help up`, for those who try it; a word that is no command is an error like any other. */
export function helpCommand(program: Command): Command {
  return new Command('help')
    .summary('show the help of a command')
    .argument('[command]', 'name of the command')
    .action((name: string | undefined) => {
      if (name === undefined) program.help();
      const command = program.commands.find((each) => each.name() === name);
      if (command === undefined) {
        const hint = suggestion(
          name,
          program.commands.map((each) => each.name()),
        );
        program.error(`error: unknown command '${name}'${hint}`, {
          code: 'commander.unknownCommand',
          exitCode: exitUsage,
        });
      }
      command.help();
    });
}

function explained(text: string, command: Command, program: Command): string {
  const line = text.trimEnd().replace(/\n\(Did you mean (.*)\?\)$/s, '; did you mean $1?');
  const missing = /^error: option '(?<flags>.*)' argument missing$/.exec(line)?.groups?.['flags'];
  const option = command.options.find(({ flags }) => flags === missing);
  if (option !== undefined) return `${line}; it is ${meaningOf(option)}\n`;
  if (line.startsWith('error: unknown command') && !line.includes('did you mean')) {
    return `${line}; commands: ${program.commands.map((each) => each.name()).join(', ')}\n`;
  }
  if (line.startsWith('error: unknown option') && !line.includes('did you mean')) {
    return `${line} (${nameOf(command, program)} --help lists the flags)\n`;
  }
  if (/^error: (too many arguments|missing required argument)/.test(line)) {
    return `${line.replace(/\.$/, '')}; usage: ${nameOf(command, program)} ${command.usage()}\n`;
  }
  return `${line}\n`;
}

function meaningOf({ description, argChoices }: Option): string {
  return argChoices === undefined ? description : `one of ${argChoices.join(', ')}`;
}

function nameOf(command: Command, program: Command): string {
  return command === program ? program.name() : `${program.name()} ${command.name()}`;
}
