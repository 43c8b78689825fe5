/** The worker process. @module */
import { constants, setPriority } from 'node:os';
import { databaseProblem } from '../http/health.ts';
import { startHealthServer } from '../http/health-server.ts';
import { startWorker } from '../jobs/worker.ts';
import { readConfig } from './config.ts';
import { metricsOf } from './metrics.ts';
import { runProgram } from './process.ts';
import { buildServices } from './services.ts';

await runProgram(async () => {
  // On a machine that it shares with an API, people's questions come before background work.
  setPriority(constants.priority.PRIORITY_BELOW_NORMAL);
  const config = readConfig(process.env);
  const { database, services } = await buildServices(config, 'worker');
  const worker = await startWorker({
    database,
    services,
    ...config.worker,
    pollInterval: 1_000,
  });
  let stopping = false;
  const health =
    config.workerHealthPort === undefined
      ? undefined
      : await startHealthServer(
          { host: config.host, port: config.workerHealthPort },
          () => (stopping ? Promise.resolve('closing') : databaseProblem(services)),
          metricsOf(config, services, 'worker'),
        );
  services.logger.info({ poolId: worker.poolId, health: health?.url }, 'the worker works');
  return {
    ready: { poolId: worker.poolId, health: health?.url },
    stop: async () => {
      stopping = true;
      services.logger.info({}, 'the worker stops');
      await worker.stop();
      await health?.close();
      await database.close();
    },
  };
});
