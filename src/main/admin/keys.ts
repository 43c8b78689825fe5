import { createApiKey } from '../../domain/access/create-api-key.ts';
import { revokeApiKey } from '../../domain/access/revoke-api-key.ts';
import { isScope } from '../../domain/access/rights.ts';
import { type Role, type Scope, type SystemActor, scopes } from '../../domain/actor.ts';
import { usageError } from '../start-error.ts';
import { type AdminTools, type Command, table } from './command.ts';
import { findOrganization } from './organizations.ts';

const roles: readonly Role[] = ['ADMINISTRATOR', 'APPSTORE_MANAGER', 'EMPLOYEE'];
const organization = { value: 'number or name', help: 'whose key', required: true };
const day = 86_400_000;

/** `create-key`. */
export const createKey: Command = {
  help: 'makes an API key and shows it once',
  options: {
    organization,
    name: { value: 'name', help: 'what people call it', required: true },
    role: { value: 'role', help: roles.join(', '), required: true },
    scopes: { value: 'list', help: `rights, with commas between: ${scopes.join(', ')}; all when absent` },
    expires: {
      value: 'when',
      help: 'a number of days such as 90d, or a date such as 2027-08-31; one year when absent',
    },
  },
  run: async (tools, values) => {
    const role = readRole(values.role!);
    const granted = values.scopes === undefined ? null : readScopes(values.scopes);
    const expiresAt = values.expires === undefined ? null : readExpiry(values.expires, tools.clock.now());
    const { id, name } = await findOrganization(tools, values.organization!);
    const input = { name: values.name!, role, scopes: granted, expiresAt };
    const { apiKeyId, key } = await createApiKey(contextOf(tools, id), input);
    const row = await tools.prisma.apiKey.findUniqueOrThrow({
      where: { organizationId_id: { organizationId: id, id: apiKeyId } },
    });
    return [
      `API key ${apiKeyId} "${row.name}" of "${name}", ${role}, until ${row.expiresAt?.toISOString()}:`,
      key,
      'It is shown this once: only its hash is kept.',
    ];
  },
};

/** `list-keys`. */
export const listKeys: Command = {
  help: 'lists the API keys; the keys themselves are not kept',
  options: { organization: { ...organization, required: false } },
  run: async (tools, values) => {
    const where = values.organization
      ? { organizationId: (await findOrganization(tools, values.organization)).id }
      : {};
    const rows = await tools.prisma.apiKey.findMany({ where, orderBy: { id: 'asc' }, include: { organization: true } });
    if (rows.length === 0) return ['There is no API key yet.'];
    const date = (at: Date | null) => at?.toISOString().slice(0, 10) ?? 'never';
    return table(
      ['ID', 'NAME', 'ORGANIZATION', 'ROLE', 'RIGHTS', 'EXPIRES', 'LAST USED', 'STATE'],
      rows.map((row) => [
        ...[String(row.id), row.name, row.organization.name, row.role],
        ...[`${row.scopes.length} of ${scopes.length}`, date(row.expiresAt), date(row.lastUsedAt)],
        stateOf(row, tools.clock.now()),
      ]),
    );
  },
};

/** `revoke-key`. */
export const revokeKey: Command = {
  help: 'ends an API key for good; its open streams end within a minute',
  options: { organization, key: { value: 'number', help: 'its ID in list-keys', required: true } },
  run: async (tools, values) => {
    if (!/^\d{1,18}$/.test(values.key!)) throw bad('--key must be the ID that list-keys shows, never the key itself');
    const { id, name } = await findOrganization(tools, values.organization!);
    const { apiKeyId } = await revokeApiKey(contextOf(tools, id), { apiKeyId: BigInt(values.key!) });
    return [`API key ${apiKeyId} of "${name}" is revoked.`];
  },
};

const bad = (message: string) => usageError(message, 'npm run admin -- --help');

function contextOf(tools: AdminTools, organizationId: bigint): AdminTools & { actor: SystemActor } {
  return { ...tools, actor: { kind: 'SYSTEM', organizationId, name: 'admin' } };
}

function readRole(word: string): Role {
  const role = roles.find((one) => one === word.toUpperCase().replace('-', '_'));
  if (!role) throw bad(`--role must be one of ${roles.join(', ')}`);
  return role;
}

function readScopes(list: string): Scope[] {
  const words = list.split(',').map((word) => word.trim());
  const unknown = words.find((word) => !isScope(word));
  if (unknown !== undefined) throw bad(`--scopes knows no right "${unknown}"; the rights are ${scopes.join(', ')}`);
  return words.filter(isScope);
}

function readExpiry(text: string, now: Date): Date {
  const days = /^(\d{1,4})d$/.exec(text)?.[1];
  const at =
    days === undefined
      ? new Date(/^\d{4}-\d\d-\d\d/.test(text) ? text : Number.NaN)
      : new Date(now.getTime() + Number(days) * day);
  if (Number.isNaN(at.getTime()))
    throw bad('--expires must be a number of days such as 90d, or a date such as 2027-08-31');
  return at;
}

function stateOf(row: { revokedAt: Date | null; expiresAt: Date | null }, now: Date): string {
  if (row.revokedAt) return 'revoked';
  return row.expiresAt && row.expiresAt <= now ? 'expired' : 'valid';
}
