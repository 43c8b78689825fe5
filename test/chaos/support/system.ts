/** Two APIs, a simulator and an organization that is ready to be worked with. Workers come as the test wants them. @module */
import { type DeviceSpec, plainApps, school, schoolUnits } from '../../../src/simulator/index.ts';
import { appId, eligible, endOfTask, listDevices, startSync, uploadToken } from '../../support/process-steps.ts';
import { type ApiProcess, type Processes, type ProcessesOptions, startProcesses } from '../../support/processes.ts';
import { type LoadSeats, stockSeats } from './seats.ts';

/** An app of the load. */
export interface LoadApp {
  id: string;
  adamId: string;
}

/** What runs and what it works with. */
export interface System {
  processes: Processes;
  apis: ApiProcess[];
  /** Global ids of the uploaded tokens. */
  tokenIds: string[];
  /** Their libraries at Apple. */
  libraries: string[];
  devices: DeviceSpec[];
  apps: LoadApp[];
  /** Only where the load is to give seats of subscriptions. */
  seats?: LoadSeats;
}

/** Apps that two tokens have, ones of which there are too few, and free ones. */
const wanted = [
  school.oneSeat,
  school.twentyFive,
  school.exactly300,
  school.fallThrough,
  school.ipadOnly,
  school.needsIos17,
  plainApps[2]!,
  plainApps[20]!,
];

/** Brings it up: both tokens uploaded and synced, `devices` devices listed. */
export async function startSystem(
  options: ProcessesOptions & { devices?: number; seats?: boolean } = {},
): Promise<System> {
  const processes = await startProcesses({
    ...options,
    simulator: ['--max-requests-per-second', '1000', '--page-size', '20', ...(options.simulator ?? [])],
    env: { LOG_LEVEL: 'warn', DATABASE_CONNECTIONS: '8', ...options.env },
  });
  try {
    const [first, second, worker] = await Promise.all([processes.api(), processes.api(), processes.worker()]);
    const tokenIds: string[] = [];
    for (const name of ['own', 'district']) {
      const tokenId = await uploadToken(first, (await processes.simulator.token(name)).text);
      const task = await endOfTask(first, await startSync(first, tokenId));
      if (task.state !== 'SUCCEEDED') throw new Error(`the first sync ended as ${JSON.stringify(task)}`);
      tokenIds.push(tokenId);
    }
    const devices = eligible(await processes.simulator.devices()).slice(0, options.devices ?? 40);
    await listDevices(first, devices);
    const apps = await Promise.all(wanted.map(async (adamId) => ({ adamId, id: await appId(first, adamId) })));
    const libraries = [schoolUnits.own, schoolUnits.district];
    const seats = options.seats ? await stockSeats(processes, first, tokenIds[0]!, schoolUnits.own) : undefined;
    await worker.stop();
    return { processes, apis: [first, second], tokenIds, libraries, devices, apps, ...(seats ? { seats } : {}) };
  } catch (error) {
    await processes.close();
    throw error;
  }
}
