/** `npm run admin`: organizations, API keys and whose the database is, from the command line, for whoever has the database. @module */
import { randomUUID } from 'node:crypto';
import { openDatabase } from '../db/client.ts';
import { systemClock } from '../lib/clock.ts';
import { silentLogger } from '../lib/logger.ts';
import type { Command } from './admin/command.ts';
import { adoptDatabaseCommand } from './admin/installation.ts';
import { createKey, listKeys, revokeKey } from './admin/keys.ts';
import { createOrganizationCommand, listOrganizations } from './admin/organizations.ts';
import { endPausesCommand } from './admin/pauses.ts';
import { describeOptions, readOptions } from './command-line.ts';
import { readDatabaseUrl, readInstallationId } from './config/tools.ts';
import { runCommand } from './process.ts';
import { reachDatabase, requireCurrentDatabase } from './reach-database.ts';
import { usageError } from './start-error.ts';

const commands: Record<string, Command> = {
  'create-organization': createOrganizationCommand,
  'list-organizations': listOrganizations,
  'create-key': createKey,
  'list-keys': listKeys,
  'revoke-key': revokeKey,
  'adopt-database': adoptDatabaseCommand,
  'end-pauses': endPausesCommand,
};

await runCommand(async () => {
  const [name = '', ...args] = process.argv.slice(2);
  if (['', 'help', '--help', '-h'].includes(name)) return console.log(overview());
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (!command) throw usageError(`There is no command "${name}"`, 'npm run admin -- --help');
  const values = readOptions(`npm run admin -- ${name}`, command.options, args);
  if (values === null) return console.log(helpFor(name, command));
  for (const line of await run(command, values)) console.log(line);
});

async function run(command: Command, values: Record<string, string | undefined>): Promise<string[]> {
  const url = readDatabaseUrl(process.env);
  await requireCurrentDatabase(url);
  const database = openDatabase({ url, connections: 2, logger: silentLogger, name: 'russet admin' });
  try {
    const tools = {
      prisma: database.prisma,
      clock: systemClock,
      correlationId: `admin-${randomUUID()}`,
      installationId: readInstallationId(process.env),
    };
    return await reachDatabase(url, () => command.run(tools, values));
  } finally {
    await database.close();
  }
}

function overview(): string {
  const lines = Object.entries(commands).map(([name, { help }]) => `  ${name.padEnd(20)} ${help}`);
  return `Usage: npm run admin -- <command> [options]\n\n${lines.join('\n')}\n\nnpm run admin -- <command> --help shows its options.`;
}

function helpFor(name: string, { help, options }: Command): string {
  const list = Object.keys(options).length > 0 ? `\n\n${describeOptions(options)}` : '';
  return `npm run admin -- ${name}: ${help}${list}`;
}
