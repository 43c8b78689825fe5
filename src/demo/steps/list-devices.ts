import { type DeviceFamily, UpsertDevicesDocument } from '../../generated/operations/graphql.ts';
import { chunk } from '../../lib/chunk.ts';
import { granted } from '../client.ts';
import { now } from '../clock.ts';
import { DemoFailure } from '../failure.ts';
import { done, type Run, remark } from '../step.ts';
import { formatCount } from '../terminal/text.ts';

/** A device as Apple's simulator tells it. */
interface SimulatedDevice {
  serialNumber: string;
  name: string;
  family: DeviceFamily;
  model: string;
  osVersion: string;
}

/** Most devices that one mutation takes. */
const most = 10_000;

/** Puts the simulator's devices on the organization's list; known ones are brought up to date. */
export async function listDevices({ client, options, screen, report }: Run): Promise<void> {
  if (options.simulatorUrl === null) return remark(screen, 'No simulator was named: the devices on the list are used.');
  const devices = await askSimulator(options.simulatorUrl);
  const began = now();
  const sums = { created: 0, updated: 0, unchanged: 0 };
  for (const part of chunk(devices, most)) {
    const input = {
      devices: part.map(({ serialNumber, name, family, model, osVersion }) => ({
        ...{ serialNumber, name, family, model, osVersion },
      })),
    };
    const { upsertDevices } = await client.ask(UpsertDevicesDocument, { input });
    const { created, updated, unchanged } = granted(upsertDevices);
    sums.created += created;
    sums.updated += updated;
    sums.unchanged += unchanged;
  }
  report.devices = sums;
  const parts = [`${sums.created} new`, `${sums.updated} updated`, `${sums.unchanged} already there`];
  const said = parts.filter((part) => !part.startsWith('0 '));
  done(screen, `${formatCount(devices.length)} devices: ${said.join(', ')}`, now() - began);
}

async function askSimulator(url: string): Promise<SimulatedDevice[]> {
  try {
    const response = await fetch(`${url}/_admin/devices`, { signal: AbortSignal.timeout(10_000) });
    if (!response.ok) throw new Error(`status ${response.status}`);
    return (await response.json()) as SimulatedDevice[];
  } catch (error) {
    throw new DemoFailure('SIMULATOR', `Apple's simulator at ${url} did not tell its devices.`, [
      (error as Error).message,
      'It runs with npm start; is that still running?',
    ]);
  }
}
