import { adoptDatabase } from '../../domain/installation/marker.ts';
import type { Command } from './command.ts';

/** `adopt-database`. */
export const adoptDatabaseCommand: Command = {
  help: 'makes a copied or restored database this installation’s own: it writes to Apple from now on',
  options: {},
  run: async (tools) => {
    const { installationId, ...services } = tools;
    const settings = { installationId };
    const by = { name: 'admin', correlationId: tools.correlationId };
    const { before, after, changed } = await adoptDatabase({ ...services, settings }, by);
    const own = after === null ? 'no name (INSTALLATION_ID is not set)' : `"${after}"`;
    if (!changed) return [`The database has ${own} already. Nothing was changed.`];
    return [
      `The database belonged to ${before === null ? 'no named installation' : `"${before}"`} and has ${own} now.`,
      'What waited is written to Apple within seconds. The installation that it came from must not write any more.',
    ];
  },
};
