/** The API process. @module */
import { createHttpServer } from '../http/server.ts';
import { systemClock } from '../lib/clock.ts';
import { createRealtime } from '../realtime/index.ts';
import { readConfig } from './config.ts';
import { checkKey } from './installation.ts';
import { runProgram } from './process.ts';
import { buildServices } from './services.ts';
import { version } from './version.ts';

await runProgram(async () => {
  const config = readConfig(process.env);
  const { database, services } = buildServices(config, 'api');
  await checkKey(database, services);
  const realtime = await createRealtime({ database, clock: systemClock, logger: services.logger });
  const server = createHttpServer({ services, streams: { ...realtime.tasks, ...realtime.counts }, version });
  const { port } = await server.listen({ port: config.port, host: config.host });
  const url = `http://${config.host}:${port}/graphql`;
  services.logger.info({ url }, 'the API listens');
  return {
    ready: { url },
    stop: async () => {
      await server.close();
      await realtime.close();
      await database.close();
    },
  };
});
