/** The worker process. @module */
import { startWorker } from '../jobs/worker.ts';
import { readConfig } from './config.ts';
import { checkKey } from './installation.ts';
import { runProgram } from './process.ts';
import { buildServices } from './services.ts';

await runProgram(async () => {
  const config = readConfig(process.env);
  const { database, services } = buildServices(config, 'worker');
  await checkKey(database, services);
  const worker = await startWorker({
    database,
    services,
    ...config.worker,
    pollInterval: 1_000,
  });
  services.logger.info({ poolId: worker.poolId }, 'the worker works');
  return {
    ready: { poolId: worker.poolId },
    stop: async () => {
      await worker.stop();
      await database.close();
    },
  };
});
