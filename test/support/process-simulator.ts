/** The simulator in a process of its own, controlled over HTTP. @module */
import type {
  AssetSpec,
  AssetTruth,
  DeviceSpec,
  JournalEntry,
  OptionsPatch,
  TokenInfo,
  UnitTruth,
} from '../../src/simulator/index.ts';
import { type Child, startChild } from './process-child.ts';

/** A simulator and the verbs that the tests use. */
export interface SimulatorProcess {
  child: Child;
  /** Root of Apple's paths. */
  appleUrl: string;
  token(name: string): Promise<TokenInfo>;
  devices(): Promise<DeviceSpec[]>;
  truth(uId: string): Promise<UnitTruth>;
  setOptions(patch: OptionsPatch): Promise<void>;
  addAsset(order: AssetSpec & { uId: string }): Promise<AssetTruth>;
  revokeToken(name: string): Promise<TokenInfo>;
  journal(query?: { since?: number; operation?: string }): Promise<JournalEntry[]>;
}

/** Starts a simulator on a free port. `args` as on its command line. */
export async function startSimulatorProcess(args: string[] = []): Promise<SimulatorProcess> {
  const child = startChild('simulator/main.js', { args: ['--port', '0', ...args] });
  const url = String((await child.ready).url);

  async function verb<T>(name: string, payload: object = {}): Promise<T> {
    const response = await fetch(`${url}/_admin/${name}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(payload),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`the simulator refused ${name}: ${text}`);
    return (text === '' ? undefined : JSON.parse(text)) as T;
  }

  return {
    child,
    appleUrl: `${url}/mdm/v2`,
    token: async (name) => (await verb<TokenInfo[]>('tokens')).find((token) => token.name === name)!,
    devices: () => verb('devices'),
    truth: (uId) => verb('truth', { uId }),
    setOptions: (patch) => verb('setOptions', patch),
    addAsset: (order) => verb('addAsset', order),
    revokeToken: (name) => verb('revokeToken', { name }),
    journal: (query = {}) => verb('journal', query),
  };
}
