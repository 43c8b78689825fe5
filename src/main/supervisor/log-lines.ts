/** The programs' logs: every line goes to a file, and what a person should see to the terminal, too. @module */
import { createWriteStream, mkdirSync, renameSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';

/** Somewhere to put the lines of one program. */
export interface LogFile {
  /** Follows a stream of lines to its end. */
  follow(stream: Readable): void;
  close(): void;
}

/** Largest log file that is continued, in bytes; a larger one is put aside as `.1` first. */
const largest = 20_000_000;

/** Opens the log file of program `name`; `print` gets warnings and errors in a readable form. */
export function openLogFile(path: string, name: string, print: (text: string) => void): LogFile {
  mkdirSync(dirname(path), { recursive: true });
  if ((statSync(path, { throwIfNoEntry: false })?.size ?? 0) > largest) renameSync(path, `${path}.1`);
  const file = createWriteStream(path, { flags: 'a', mode: 0o600 });
  file.on('error', (error) => print(`  ${name}: its log can't be written: ${error.message}`));
  const follow = (stream: Readable) => {
    createInterface({ input: stream }).on('line', (line) => {
      if (!file.writableEnded) file.write(`${line}\n`);
      const readable = forPerson(line, name);
      if (readable) print(readable);
    });
  };
  return { follow, close: () => void (file.writableEnded || file.end()) };
}

/** `line` as a person wants to read it, or undefined when it is only for the file. */
export function forPerson(line: string, name: string): string | undefined {
  const entry = parse(line);
  if (!entry) return line.trim() ? `  ${name}: ${line}` : undefined;
  if (entry.level !== 'warn' && entry.level !== 'error') return undefined;
  const cause = entry.error?.message;
  return `  ${name} ${entry.level}: ${entry.msg ?? ''}${cause ? ` (${cause})` : ''}`;
}

interface Entry {
  level?: string;
  msg?: string;
  error?: { message?: string };
}

function parse(line: string): Entry | undefined {
  if (!line.startsWith('{')) return undefined;
  try {
    return JSON.parse(line) as Entry;
  } catch {
    return undefined;
  }
}
