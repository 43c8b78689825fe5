/**
 * Whose database it is. Every installation has a name that its processes are started with, beside the encryption key, and
 * the database knows it. A database that names another one was copied, or restored elsewhere: the installation that it
 * came from may live on, and two that write for the same libraries would ruin each other's numbers.
 * @module
 */
import { moment, sql, transaction } from '../../db/transaction.ts';
import { requireRight } from '../access/rights.ts';
import { recordAudit } from '../audit/record.ts';
import type { Context, Services } from '../context.ts';
import { ForbiddenError, InstallationNotConfirmedError, InvalidInputError } from '../errors.ts';

/** OWN: the names are equal. UNMARKED: the database has none, so copies are not noticed. FOREIGN: it is another's. */
export type MarkerState = 'OWN' | 'UNMARKED' | 'FOREIGN';

type Reader = Pick<Services, 'prisma'> & { settings: Pick<Services['settings'], 'installationId'> };

/** What the database's name means for a process that was started with `own`. */
export function markerState(stored: string | null, own: string | null): MarkerState {
  if (stored === null) return 'UNMARKED';
  return stored === own ? 'OWN' : 'FOREIGN';
}

/** Whose database it is now. */
export async function readMarker({ prisma, settings }: Reader): Promise<MarkerState> {
  const row = await prisma.installation.findUnique({ where: { id: 1 }, select: { marker: true } });
  return markerState(row?.marker ?? null, settings.installationId);
}

/** Before a write to Apple: throws INSTALLATION_NOT_CONFIRMED while the database is another installation's. */
export async function requireOwnDatabase(services: Reader): Promise<void> {
  if ((await readMarker(services)) === 'FOREIGN') throw new InstallationNotConfirmedError();
}

/** Gives the database this installation's name, unless it has one. Says whose it is then. */
export async function markDatabase(services: Reader): Promise<MarkerState> {
  const { installationId } = services.settings;
  if (installationId !== null) {
    await services.prisma.installation.updateMany({ where: { id: 1, marker: null }, data: { marker: installationId } });
  }
  return readMarker(services);
}

/** What {@link adoptDatabase} found and left. */
export interface Adoption {
  before: string | null;
  after: string | null;
  /** False when it was this installation's already; nothing was changed then. */
  changed: boolean;
}

/**
 * Makes the database this installation's: from now on it writes to Apple. Whoever calls it says that the installation
 * which the database came from writes no more. Work that waited goes on.
 */
export function adoptDatabase(
  services: Pick<Services, 'prisma' | 'clock'> & { settings: Reader['settings'] },
  by: { name: string; correlationId: string },
): Promise<Adoption> {
  const after = services.settings.installationId;
  return transaction(services, async (tx) => {
    const [row] = await tx.$queryRaw<{ marker: string | null }[]>(
      sql`SELECT marker FROM installation WHERE id = 1 FOR UPDATE`,
    );
    const before = row?.marker ?? null;
    if (before === after) return { before, after, changed: false };
    await tx.$executeRaw(sql`UPDATE installation SET marker = ${after} WHERE id = 1`);
    // What waited for this is due; a pause that Apple asked for is kept elsewhere.
    await tx.$executeRaw(sql`
      UPDATE token_gate g SET suspended_until = NULL FROM (
        SELECT organization_id, token_id FROM token_gate WHERE suspended_until IS NOT NULL
        ORDER BY organization_id, token_id FOR NO KEY UPDATE
      ) o WHERE g.organization_id = o.organization_id AND g.token_id = o.token_id`);
    await tx.$executeRaw(sql`
      UPDATE token_webhook w SET due_at = ${moment(services.clock.now())} FROM (
        SELECT organization_id, token_id FROM token_webhook WHERE problem IS NOT NULL
        ORDER BY organization_id, token_id FOR NO KEY UPDATE
      ) o WHERE w.organization_id = o.organization_id AND w.token_id = o.token_id`);
    for (const { id } of await tx.organization.findMany({ select: { id: true }, orderBy: { id: 'asc' } })) {
      const actor = { kind: 'SYSTEM' as const, organizationId: id, name: by.name };
      const context = { actor, clock: services.clock, correlationId: by.correlationId };
      await recordAudit(context, tx, { action: 'installation.confirm', data: { before, after } });
    }
    return { before, after, changed: true };
  });
}

/**
 * The same by an administrator's key, where the organization has the installation for itself. With several, it is the
 * operator's to say. Throws FORBIDDEN, INVALID_INPUT.
 */
export async function confirmInstallation(context: Context, input: { confirm: boolean }): Promise<Adoption> {
  requireRight(context, 'organization:write');
  const { actor } = context;
  if (actor.kind === 'API_KEY' && actor.role !== 'ADMINISTRATOR') throw new ForbiddenError('organization:write');
  const refuse = (path: string[], message: string) => new InvalidInputError([{ path, message }]);
  if (!input.confirm)
    throw refuse(['confirm'], 'must be true: say that no other installation writes for these libraries');
  if ((await context.prisma.organization.count()) > 1)
    throw refuse(
      [],
      'several organizations share this installation: its operator runs npm run admin -- adopt-database',
    );
  const name = actor.kind === 'API_KEY' ? `key-${actor.apiKeyId}` : actor.name;
  return adoptDatabase(context, { name, correlationId: context.correlationId });
}
