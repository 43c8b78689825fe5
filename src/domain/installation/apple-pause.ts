/** The pause that Apple asked of questions that name no token: one for all processes of the installation. @module */
import { moment, sql } from '../../db/transaction.ts';
import type { Services } from '../context.ts';
import type { SharedPause } from '../ports.ts';

/** The pause of one host of Apple's. */
export function createSharedPause({ prisma }: Pick<Services, 'prisma'>, host: string): SharedPause {
  return {
    until: async () => (await prisma.applePause.findUnique({ where: { host } }))?.until ?? null,
    extend: async (until) => {
      await prisma.$executeRaw(sql`
        INSERT INTO apple_pause (host, until) VALUES (${host}, ${moment(until)})
        ON CONFLICT (host) DO UPDATE SET until = greatest(apple_pause.until, excluded.until)`);
    },
  };
}
