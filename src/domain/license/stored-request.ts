import type { AssociateRequest } from './associate.ts';

interface StoredRequest {
  appIds: string[];
  target: { deviceIds?: string[]; serialNumbers?: string[]; vppUserIds?: string[] };
  spend?: boolean;
  tokenId?: string | null;
  onError: AssociateRequest['onError'];
  onShortage?: AssociateRequest['onShortage'];
  priority?: number | null;
  waitUntil?: string | null;
}

/** The request of an association as its task keeps it: ids are texts there. */
export function readStoredRequest(stored: unknown): AssociateRequest {
  const { appIds, target, tokenId, onError, spend, onShortage, priority, waitUntil } = stored as StoredRequest;
  return {
    appIds: appIds.map(BigInt),
    target: target.vppUserIds
      ? { vppUserIds: target.vppUserIds.map(BigInt) }
      : target.deviceIds
        ? { deviceIds: target.deviceIds.map(BigInt) }
        : { serialNumbers: target.serialNumbers },
    tokenId: tokenId == null ? null : BigInt(tokenId),
    onError,
    ...(spend === undefined ? {} : { spend }),
    onShortage: onShortage ?? null,
    priority: priority ?? null,
    waitUntil: waitUntil ?? null,
  };
}
