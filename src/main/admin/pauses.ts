import { endPauses } from '../../domain/installation/end-pauses.ts';
import { usageError } from '../start-error.ts';
import type { Command } from './command.ts';

/** `end-pauses`. */
export const endPausesCommand: Command = {
  help: 'ends the pauses that Apple asked for, when you know that it takes calls again',
  options: {
    token: { value: 'number', help: 'of this token alone; its number is in the audit log and in the metrics' },
  },
  run: async (tools, values) => {
    const named = values.token;
    if (named !== undefined && !/^\d{1,18}$/.test(named))
      throw usageError('--token must be a number', 'npm run admin -- --help');
    const by = { name: 'admin', correlationId: tools.correlationId };
    const { tokens, shared } = await endPauses(tools, by, named === undefined ? undefined : BigInt(named));
    const ended = [...tokens.map((key) => `the calls of token ${key.tokenId}`), ...shared];
    if (ended.length === 0) return ['Apple asked for no pause that still holds. Nothing was changed.'];
    return [
      `Ended: ${ended.join(', ')}.`,
      'Workers go on within half a minute. When Apple refuses again, it says again how long to wait.',
    ];
  },
};
