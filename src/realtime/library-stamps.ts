import type { Ring } from '../db/notify.ts';

/** How often each organization's library has changed, as far as the news tell. */
export interface LibraryStamps {
  stamp(organizationId: bigint): string;
  ring(ring: Ring): void;
  /** Something may have been missed, of any organization. */
  ringAll(): void;
}

/** Stamps before the first news. */
export function createLibraryStamps(): LibraryStamps {
  let changes = new Map<bigint, number>();
  let epoch = 0;
  return {
    stamp: (organizationId) => `${epoch}:${changes.get(organizationId) ?? 0}`,
    ring: ({ kind, organizationId }) => {
      if (kind === 'library') changes.set(organizationId, (changes.get(organizationId) ?? 0) + 1);
    },
    ringAll: () => {
      epoch += 1;
      changes = new Map();
    },
  };
}
