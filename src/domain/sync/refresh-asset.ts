import { transaction } from '../../db/transaction.ts';
import { requestMetadata } from '../app/request-metadata.ts';
import { type Services, systemContext } from '../context.ts';
import { DomainError } from '../errors.ts';
import { isHinted, stepHint } from '../notification/seat-hint.ts';
import { AppleFailure } from '../ports.ts';
import { callApple } from '../token/call-apple.ts';
import type { TokenKey } from '../token/gate.ts';
import { mergeAssets } from './merge-assets.ts';

/** Reads the numbers of one asset again. A hint only: when Apple or the token do not allow it, the next sync does it. */
export async function refreshAsset(
  services: Services,
  token: TokenKey,
  adamId: string,
  correlationId: string,
): Promise<void> {
  const context = systemContext(services, token.organizationId, 'refresh-asset', correlationId);
  try {
    const readAt = context.clock.now();
    const read = (credential: string) => context.apple.readAssets(credential, { adamId });
    const page = await callApple(context, token, 'READ', read);
    await transaction(context, async (tx) => {
      const told = await isHinted(tx, token, adamId);
      await mergeAssets(tx, token, page.rows, readAt, told ? 'NOTIFICATION' : 'SYNC');
      const moved = await stepHint(tx, token, adamId, context.clock.now());
      // It may be an app that nobody had before.
      if (moved) await requestMetadata(context, tx, { organizationId: token.organizationId, id: token.tokenId });
    });
  } catch (error) {
    if (!(error instanceof AppleFailure) && !(error instanceof DomainError)) throw error;
    context.logger.info(
      { tokenId: String(token.tokenId), adamId, reason: error.message },
      'the asset was not read again',
    );
    await transaction(context, (tx) => stepHint(tx, token, adamId, context.clock.now()));
  }
}
