import { createFirstKey } from '../../domain/access/first-key.ts';
import type { Services } from '../../domain/context.ts';

/** Makes the first organization and its administrator's key, unless some administrator can sign in. Says what it did. */
export async function ensureFirstKey(
  services: Pick<Services, 'prisma' | 'clock'>,
  wanted: { organization: string; name: string },
): Promise<[what: string, how: string][]> {
  const now = services.clock.now();
  const usable = await services.prisma.apiKey.findFirst({
    where: { role: 'ADMINISTRATOR', revokedAt: null, OR: [{ expiresAt: null }, { expiresAt: { gt: now } }] },
    include: { organization: true },
    orderBy: { id: 'asc' },
  });
  if (usable) {
    return [
      ['Organization', `"${usable.organization.name}" is there.`],
      ['API key', `"${usable.name}" is there. Another one: npm run admin -- create-key --help`],
    ];
  }
  const known = await services.prisma.organization.findFirst({ orderBy: { id: 'asc' } });
  const organization = known?.name ?? wanted.organization;
  const key = await createFirstKey(services, { organization, name: wanted.name });
  return [
    ['Organization', known ? `"${organization}" is there.` : `"${organization}" made.`],
    ['API key', `"${wanted.name}" made, valid for a year. It is shown this once:\n\n${key}`],
  ];
}
