/** The API process. @module */
import { createHttpServer, type HttpServer } from '../http/server.ts';
import { systemClock } from '../lib/clock.ts';
import { createRealtime, type Realtime } from '../realtime/index.ts';
import { type Config, readConfig } from './config.ts';
import { metricsOf } from './metrics.ts';
import { runProgram } from './process.ts';
import { buildServices } from './services.ts';
import { StartError } from './start-error.ts';
import { version } from './version.ts';

await runProgram(async () => {
  const config = readConfig(process.env);
  const { database, services } = await buildServices(config, 'api');
  const realtime = await createRealtime({ database, clock: systemClock, logger: services.logger });
  const streams = { ...realtime.tasks, ...realtime.counts, ...realtime.notices, ...realtime.commands };
  const server = createHttpServer({
    services,
    streams,
    version,
    listening: realtime.listening,
    keyNews: realtime.keys,
    answerMemory: memoryOf(config, realtime),
    metrics: metricsOf(config, services, 'api'),
  });
  const port = await listen(server, config);
  const url = `http://${config.host}:${port}/graphql`;
  services.logger.info({ url }, 'the API listens');
  return {
    ready: { url },
    drainFor: config.drainFor,
    stop: async () => {
      services.logger.info({}, 'the API stops');
      server.drain();
      await systemClock.sleep(config.drainFor);
      await server.close();
      await realtime.close();
      await database.close();
    },
  };
});

function memoryOf({ rememberAnswersFor: rememberFor }: Config, { library }: Realtime) {
  return rememberFor > 0 ? { news: library, rememberFor } : undefined;
}

async function listen(server: HttpServer, { host, port }: Config): Promise<number> {
  try {
    return (await server.listen({ port, host })).port;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
    throw new StartError(`Port ${port} of ${host} is taken by another program. Set PORT to use another one.`);
  }
}
