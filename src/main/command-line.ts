/** Reads the options of our commands, all of which take a value. @module */
import { type ParseArgsConfig, parseArgs } from 'node:util';
import { usageError } from './start-error.ts';

/** One option. */
export interface Option {
  /** What stands for its value in the help, e.g. `name`. */
  value: string;
  help: string;
  required?: boolean;
}

/** The values that were given, by the options' names. */
export type Values<Name extends string> = Partial<Record<Name, string>>;

/** Reads `args`; null when help is wanted. `command` is what the reader typed, for messages. */
export function readOptions<Name extends string>(
  command: string,
  options: Record<Name, Option>,
  args: readonly string[],
): Values<Name> | null {
  const names = Object.keys(options) as Name[];
  const known = Object.fromEntries(names.map((name) => [name, { type: 'string' as const }]));
  const values = parse(command, args, { ...known, help: { type: 'boolean', short: 'h' } });
  if (values.help === true) return null;
  for (const name of names) {
    const { required, value } = options[name];
    if (required && !values[name]) throw usageError(`--${name} <${value}> is missing`, `${command} --help`);
  }
  return values as Values<Name>;
}

type Parsed = Record<string, string | boolean | undefined>;

function parse(command: string, args: readonly string[], options: NonNullable<ParseArgsConfig['options']>): Parsed {
  try {
    return parseArgs({ args: [...args], options, strict: true }).values as Parsed;
  } catch (error) {
    // Node adds advice for programmers after the first sentence.
    throw usageError((error as Error).message.split('. ')[0]!, `${command} --help`);
  }
}

/** The options as lines of a help text. */
export function describeOptions(options: Record<string, Option>): string {
  const entries = Object.entries(options).map(([name, option]) => [`--${name} <${option.value}>`, option] as const);
  const width = Math.max(...entries.map(([left]) => left.length));
  return entries
    .map(([left, { help, required }]) => `  ${left.padEnd(width)}  ${help}${required ? '' : ' (optional)'}`)
    .join('\n');
}
