import type { LibraryHolder } from '../ports.ts';

/** What a token's row keeps of who holds its library. */
export interface HeldBy {
  condition: 'OK' | 'TAKEN_OVER';
  foreignMdm: LibraryHolder | null;
  /** When the library was seen to be ours or somebody else's; null while nobody holds it. */
  mdmCheckedAt: Date | null;
}

/** What the holder that Apple names means for the token that claims as `mdmId`. */
export function heldBy(holder: LibraryHolder | null, mdmId: string, now: Date): HeldBy {
  if (holder === null) return { condition: 'OK', foreignMdm: null, mdmCheckedAt: null };
  if (holder.id === mdmId) return { condition: 'OK', foreignMdm: null, mdmCheckedAt: now };
  return { condition: 'TAKEN_OVER', foreignMdm: holder, mdmCheckedAt: now };
}
