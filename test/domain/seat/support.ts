/** A library with seat subscriptions, in a tenant of its own. @module */
import { expect } from 'vitest';
import { enableSeatSubscriptions } from '../../../src/domain/seat/enable.ts';
import { schoolUnits, type World } from '../../support/world.ts';
import { newTenant, type Tenant } from '../sync/support.ts';

export const uId = schoolUnits.own;
export const [adamId, other, parentAdamId] = ['8000000011', '8000000012', '8000000001'] as const;
export const hour = 3_600_000;
export const day = 24 * hour;

/** What the tests do with it. */
export interface SeatTenant extends Tenant {
  tokenId: bigint;
  /** The subscription {@link adamId}. */
  row(of?: string): Promise<SeatNumbersRow>;
  /** Seats that have not ended, as `user kind state`. */
  seats(of?: string): Promise<string[]>;
  /** Lives on for so long, and looks every hour or `step`. */
  live(milliseconds: number, step?: number): Promise<void>;
}

type SeatNumbersRow = Awaited<ReturnType<World['database']['prisma']['seatSubscription']['findFirstOrThrow']>>;

/** Names of people who are linked at Apple. */
export function people(world: World, count: number, prefix = 'p'): string[] {
  const names = Array.from({ length: count }, (_, index) => `${prefix}-${String(index + 1).padStart(4, '0')}`);
  for (const clientUserId of names) world.simulator.admin.setUser({ uId, clientUserId, status: 'Associated' });
  return names;
}

/** Uploads, enables and reads. */
export async function seatTenant(world: World): Promise<SeatTenant> {
  const tenant = await newTenant(world);
  world.simulator.admin.setOptions({ subscriptionPageSize: 100, subscriptionLastCursor: 'absent' });
  const { organizationId } = tenant;
  const tokenId = await tenant.upload();
  await enableSeatSubscriptions(tenant.context, { tokenId });
  await world.work();
  const { prisma } = world.database;
  return {
    ...tenant,
    tokenId,
    row: (of = adamId) => prisma.seatSubscription.findFirstOrThrow({ where: { organizationId, adamId: of } }),
    seats: async (of = adamId) => {
      const rows = await prisma.seatAssignment.findMany({
        where: { organizationId, adamId: of, endedAt: null },
        orderBy: { clientUserId: 'asc' },
      });
      return rows.map((seat) => `${seat.clientUserId} ${seat.renewing ? 'renewing' : 'expiring'} ${seat.state}`);
    },
    live: async (milliseconds, step = hour) => {
      for (let passed = 0; passed < milliseconds; passed += step) {
        await world.clock.advance(step);
        await world.work();
      }
    },
  };
}

/** assigned + available = total in both kinds, here and at Apple, and the ledger adds up to what is held and reserved. */
export async function expectBalance(world: World, { organizationId }: Pick<SeatTenant, 'organizationId'>) {
  const rows = await world.database.prisma.seatSubscription.findMany({ where: { organizationId } });
  const truth = world.simulator.admin.subscriptions({ uId }).subscriptions;
  for (const row of rows) {
    const held = [row.heldRenewing, row.heldExpiring].map(Number);
    const reserved = [row.reservedRenewing, row.reservedExpiring].map(Number);
    const total = [row.totalRenewing, row.totalExpiring].map(Number);
    for (const kind of [0, 1]) expect(held[kind]! + reserved[kind]!).toBeLessThanOrEqual(total[kind]!);
    const { _sum } = await world.database.prisma.seatLedger.aggregate({
      where: { organizationId, subscriptionId: row.id },
      _sum: {
        heldRenewingDelta: true,
        heldExpiringDelta: true,
        reservedRenewingDelta: true,
        reservedExpiringDelta: true,
      },
    });
    const summed = [
      _sum.heldRenewingDelta,
      _sum.heldExpiringDelta,
      _sum.reservedRenewingDelta,
      _sum.reservedExpiringDelta,
    ];
    expect(summed.map((sum) => sum ?? 0)).toEqual([...held, ...reserved]);
    const apple = truth.find((one) => one.adamId === row.adamId)!;
    expect(total).toEqual([apple.total.renewing, apple.total.expiring]);
    if (reserved.every((count) => count === 0))
      expect(held).toEqual([apple.assigned.renewing, apple.assigned.expiring]);
  }
  return rows;
}
