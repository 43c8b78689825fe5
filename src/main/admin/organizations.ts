import { createOrganization } from '../../domain/access/create-organization.ts';
import { StartError } from '../start-error.ts';
import { type AdminTools, type Command, table } from './command.ts';

/** `create-organization`. */
export const createOrganizationCommand: Command = {
  help: 'makes an organization; its first key is made with create-key',
  options: {
    name: { value: 'name', help: 'what people call it', required: true },
    'time-zone': { value: 'zone', help: 'an IANA time zone such as Europe/Zurich; UTC when absent' },
  },
  run: async (tools, values) => {
    const timeZone = values['time-zone'];
    const input = { name: values.name!, ...(timeZone === undefined ? {} : { timeZone }) };
    const { organizationId } = await createOrganization(tools, input, {
      by: 'admin',
      correlationId: tools.correlationId,
    });
    return [
      `Organization ${organizationId} "${input.name}" made. Its first key: npm run admin -- create-key --organization ${organizationId} --name … --role ADMINISTRATOR`,
    ];
  },
};

/** `list-organizations`. */
export const listOrganizations: Command = {
  help: 'lists the organizations',
  options: {},
  run: async (tools) => {
    const rows = await tools.prisma.organization.findMany({ orderBy: { id: 'asc' } });
    if (rows.length === 0) return ['There is no organization yet.'];
    return table(
      ['ID', 'NAME', 'TIME ZONE', 'SINCE'],
      rows.map((row) => [String(row.id), row.name, row.timeZone, row.createdAt.toISOString().slice(0, 10)]),
    );
  },
};

/** The organization with this number or this very name. Throws {@link StartError}. */
export async function findOrganization({ prisma }: AdminTools, named: string): Promise<{ id: bigint; name: string }> {
  const byNumber = /^\d{1,18}$/.test(named)
    ? await prisma.organization.findUnique({ where: { id: BigInt(named) } })
    : null;
  const found = byNumber ? [byNumber] : await prisma.organization.findMany({ where: { name: named }, take: 2 });
  const [organization] = found;
  if (!organization)
    throw new StartError(
      `There is no organization "${named}". Nothing was done. npm run admin -- list-organizations shows them.`,
    );
  if (found.length > 1)
    throw new StartError(
      `Several organizations are named "${named}". Nothing was done. Give the number of one: npm run admin -- list-organizations`,
    );
  return organization;
}
