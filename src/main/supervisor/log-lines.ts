/** The programs' logs: every line goes to a file, and what a person should see to the terminal, too. @module */
import { closeSync, fstatSync, mkdirSync, openSync, readSync, renameSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { StringDecoder } from 'node:string_decoder';

/**
 * The log of one program. The program writes into the file by itself, not through a pipe: when the supervisor is
 * killed, a broken pipe must not be what the program hangs on while it ends.
 */
export interface LogFile {
  /** What the program gets as its standard output and error. */
  descriptor: number;
  /** Shows at once what was written since the last look. */
  flush(): void;
  close(): void;
}

/** Largest log file that is continued, in bytes; a larger one is put aside as `.1` first. */
const largest = 20_000_000;
/** Time between two looks at the file, in milliseconds. */
const lookEvery = 200;

/** Opens the log file of program `name`; `print` gets warnings and errors in a readable form. */
export function openLogFile(path: string, name: string, print: (text: string) => void): LogFile {
  mkdirSync(dirname(path), { recursive: true });
  if ((statSync(path, { throwIfNoEntry: false })?.size ?? 0) > largest) renameSync(path, `${path}.1`);
  const descriptor = openSync(path, 'a+', 0o600);
  const lines = followLines(descriptor);
  let isOpen = true;
  const flush = () => {
    if (!isOpen) return;
    for (const line of lines()) {
      const readable = forPerson(line, name);
      if (readable) print(readable);
    }
  };
  const timer = setInterval(flush, lookEvery).unref();
  const close = () => {
    if (!isOpen) return;
    flush();
    isOpen = false;
    clearInterval(timer);
    closeSync(descriptor);
  };
  return { descriptor, flush, close };
}

/** Each call returns the whole lines that were added to the file since the call before. */
function followLines(descriptor: number): () => string[] {
  const decoder = new StringDecoder('utf8');
  const buffer = Buffer.alloc(65_536);
  let offset = fstatSync(descriptor).size;
  let unfinished = '';
  return () => {
    for (;;) {
      const length = readSync(descriptor, buffer, 0, buffer.length, offset);
      if (length === 0) break;
      offset += length;
      unfinished += decoder.write(buffer.subarray(0, length));
    }
    const lines = unfinished.split('\n');
    unfinished = lines.pop() ?? '';
    return lines;
  };
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
