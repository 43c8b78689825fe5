/** The rooms of the house and which of them may import which; docs/architecture.md explains why. @module */

/** A folder of `src`, or one of the two kinds of generated code. */
export type Room = keyof typeof mayImport;

/** What each room may import beside itself. */
export const mayImport = {
  lib: [],
  db: ['lib'],
  domain: ['lib', 'db'],
  apple: ['lib', 'db', 'domain'],
  mdm: ['lib', 'db', 'domain'],
  realtime: ['lib', 'db', 'domain'],
  jobs: ['lib', 'db', 'domain'],
  graphql: ['lib', 'db', 'domain'],
  http: ['lib', 'domain', 'graphql'],
  main: ['lib', 'db', 'domain', 'apple', 'mdm', 'realtime', 'jobs', 'graphql', 'http', 'simulator', 'console'],
  simulator: ['lib'],
  console: ['client'],
  demo: ['lib', 'client'],
  client: [],
} as const satisfies Record<string, readonly string[]>;

/** Files of one room that another may use beyond the table: parsers of messages that arrive over HTTP. */
const exceptions = [{ from: 'http', into: /^src\/(apple|mdm)\/(.*\/)?[a-z-]*webhook[a-z-]*\.ts$/ }];

/** The room of a file below `src`, or undefined when it stands in none. */
export function roomOf(file: string): Room | undefined {
  if (file.startsWith('src/generated/prisma/')) return 'db';
  if (file.startsWith('src/generated/')) return 'client';
  const [, room = '', ...rest] = file.split('/');
  return rest.length > 0 && Object.hasOwn(mayImport, room) ? (room as Room) : undefined;
}

/** Whether file `from` may import file `into`. */
export function isAllowed(from: string, into: string): boolean {
  const [room, other] = [roomOf(from), roomOf(into)];
  if (!room || !other) return false;
  const allowed: readonly string[] = mayImport[room];
  if (room === other || allowed.includes(other)) return true;
  return exceptions.some((exception) => exception.from === room && exception.into.test(into));
}
