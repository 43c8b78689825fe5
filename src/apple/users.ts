/** Apple's users and the states that it has for them (fact sheet §8). @module */
import { z } from 'zod';
import type { LibraryUser, LibraryUserStatus } from '../domain/ports.ts';
import { id, list, optional } from './wire.ts';

const statuses: Record<string, LibraryUserStatus> = {
  registered: 'REGISTERED',
  associated: 'ASSOCIATED',
  retired: 'RETIRED',
  deleted: 'DELETED',
};

/** A state in our words; null for one that is absent or not known. */
export const userStatus = optional(z.string()).transform((word) => statuses[word?.toLowerCase() ?? ''] ?? null);

const wireUser = z.object({
  clientUserId: optional(id),
  email: optional(z.string()),
  status: userStatus,
  inviteCode: optional(z.string().min(1)),
  idHash: optional(z.string().min(1)),
});

/** The array of users. A record without an id is left out: nobody could name it. */
export const userRows = list(wireUser).transform((rows) =>
  rows.flatMap(({ clientUserId, ...row }): LibraryUser[] => (clientUserId === null ? [] : [{ clientUserId, ...row }])),
);
