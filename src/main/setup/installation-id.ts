import { randomUUID } from 'node:crypto';
import type { Services } from '../../domain/context.ts';
import { markDatabase } from '../../domain/installation/marker.ts';

/** Gives the database the installation's name, or suggests one. Says what it did. */
export async function ensureMarker(prisma: Services['prisma'], installationId: string | null): Promise<string> {
  const marker = await markDatabase({ prisma, settings: { installationId } });
  if (marker === 'OWN') return `the database belongs to "${installationId}".`;
  if (marker === 'FOREIGN')
    return 'the database belongs to ANOTHER installation, so nothing will be written to Apple. Set the right INSTALLATION_ID; if this one takes over: npm run admin -- adopt-database';
  return `not named. So that a copy of the database never writes to Apple, set this for all processes (optional):\n\nINSTALLATION_ID=${randomUUID()}\n`;
}
