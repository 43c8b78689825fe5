/** What `npm start` tells the person in front of it. @module */
import { relative } from 'node:path';

/** The facts of a running sandbox. */
export interface SandboxFacts {
  graphqlUrl: string;
  simulatorUrl: string;
  apiKey: string;
  /** Whether the key is new and therefore shown. */
  keyCreated: boolean;
  tokenFile: string;
  /** File that keeps the facts for programs. */
  sandboxFile: string;
  /** Folder of the programs' logs. */
  logs: string;
  /** Where the database is. */
  database: string;
  /** From start to ready, in milliseconds. */
  took: number;
}

/** The lines to print. */
export function banner(facts: SandboxFacts): string {
  const key = facts.keyCreated
    ? `${facts.apiKey}   (shown this once; also in ${here(facts.sandboxFile)})`
    : `see ${here(facts.sandboxFile)}`;
  const rows = [
    ['GraphQL', facts.graphqlUrl],
    ['GraphiQL', `${facts.graphqlUrl}   (the same address, in a browser)`],
    ['API key', key],
    ['Token file', `${here(facts.tokenFile)}   (a content token of the simulator, to upload)`],
    ['Apple simulator', facts.simulatorUrl],
    ['Database', here(facts.database)],
    ['Logs', here(facts.logs)],
  ];
  const table = rows.map(([name = '', value]) => `  ${name.padEnd(16)} ${value}`);
  const seconds = (facts.took / 1000).toFixed(1);
  return ['', `Russet is running (sandbox, ready after ${seconds} s).`, '', ...table, '', ...next, ''].join('\n');
}

const next = [
  '  Next: in another terminal',
  '    npm run demo      uploads the token, syncs, gives out and takes back licenses, live',
  '  Ctrl-C stops everything.',
];

/** A path as short as it is clear from the working directory. */
function here(path: string): string {
  const short = relative(process.cwd(), path);
  return path.startsWith('/') && !short.startsWith('..') ? short : path;
}
