import type { Logger } from '../../lib/logger.ts';
import { forPerson } from './log-lines.ts';

/** A logger for the person at the terminal: warnings and errors as readable lines, and nothing else. */
export function terminalLogger(name: string, print: (text: string) => void): Logger {
  const write = (level: string) => (fields: { error?: unknown }, message: string) => {
    const error = fields.error instanceof Error ? { message: fields.error.message } : undefined;
    const readable = forPerson(JSON.stringify({ level, msg: message, error }), name);
    if (readable) print(readable);
  };
  return {
    debug: write('debug'),
    info: write('info'),
    warn: write('warn'),
    error: write('error'),
    child: () => terminalLogger(name, print),
  };
}
