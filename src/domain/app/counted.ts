/** From when on the counts of pool `p` are right, and by whose word; written by us, without a value of a request. @module */

/** When Apple last said something about the pool: its own numbers were read, or something of it moved. */
export const countedAt = 'greatest(p.counted_at, p.apple_as_of)';

/** What it was. */
export const countSource = `CASE WHEN p.counted_at >= p.apple_as_of THEN p.count_source ELSE 'SYNC' END`;
