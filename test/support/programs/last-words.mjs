/** Says that it runs, waits until it is told that nobody reads any more, writes its last lines and ends at once. @module */
import { createLogger } from '../../../dist/lib/logger.js';

const logger = createLogger({ level: 'info', name: 'last words' });
process.on('message', () => {
  for (const line of ['the last line but one', 'the last line']) logger.info({}, line);
  process.exit(0);
});
process.send?.('runs');
