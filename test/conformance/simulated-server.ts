/** The simulator's MDM server on a socket of its own; what it has stored outlives a restart. @module */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createSimulator, type Simulator } from '../../src/simulator/index.ts';
import { certificateHeader, type StartServer, type Webhook } from './server.ts';

const apiKey = 'key of the simulated server';

/** Gives how to start one of this kind. */
export function simulatedServer(flavor: 'NANOMDM' | 'NANOHUB' = 'NANOMDM'): StartServer {
  return async () => {
    const folder = mkdtempSync(join(tmpdir(), 'russet-conformance-'));
    let hook: Webhook | undefined;
    let simulator: Simulator | undefined;
    let port = 0;
    const start = async () => {
      simulator = createSimulator({
        stateFile: join(folder, 'state.json'),
        mdm: {
          apiKey,
          flavor: flavor === 'NANOHUB' ? 'nanohub' : 'nanomdm',
          forgetsOnRepeat: true,
          pushCertificate: 'missing',
          certificateHeader: certificateHeader.toLowerCase(),
          webhookUrl: hook?.url ?? null,
          webhookHmacKey: hook?.hmacKey ?? null,
        },
      });
      port = Number(new URL((await simulator.listen(port)).url).port);
    };
    await start();
    const { baseUrl, doorUrl } = simulator!.admin.mdm.access();
    return {
      ...{ baseUrl, doorUrl, apiKey, certificateHeader, flavor, version: 'simulated' },
      restart: async (webhook) => {
        await simulator!.admin.mdm.settle();
        await simulator!.close();
        hook = webhook ?? hook;
        await start();
      },
      close: async () => {
        await simulator!.close();
        rmSync(folder, { recursive: true });
      },
    };
  };
}
