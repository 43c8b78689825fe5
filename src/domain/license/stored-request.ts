import type { AssociateRequest } from './associate.ts';

interface StoredRequest {
  appIds: string[];
  target: { deviceIds?: string[]; serialNumbers?: string[] };
  tokenId?: string | null;
  onError: AssociateRequest['onError'];
}

/** The request of an association as its task keeps it: ids are texts there. */
export function readStoredRequest(stored: unknown): AssociateRequest {
  const { appIds, target, tokenId, onError } = stored as StoredRequest;
  return {
    appIds: appIds.map(BigInt),
    target: target.deviceIds ? { deviceIds: target.deviceIds.map(BigInt) } : { serialNumbers: target.serialNumbers },
    tokenId: tokenId == null ? null : BigInt(tokenId),
    onError,
  };
}
