/** The simulator in a process of its own, controlled over HTTP. @module */
import type {
  AssetSpec,
  AssetTruth,
  DeviceAct,
  DeviceScript,
  DeviceSpec,
  DeviceTruth,
  Fault,
  FaultMatch,
  FleetChoice,
  FleetOrder,
  FleetState,
  JournalEntry,
  MdmAccessInfo,
  OptionsPatch,
  SimulatorAdmin,
  TokenInfo,
  UnitTruth,
  VersionOrder,
  WaitingCommand,
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
  /** Gives a seat, or takes it back, as somebody outside. */
  moveSeat(verb: 'assign' | 'unassign', seat: Seat): Promise<AssetTruth>;
  purchase(order: Omit<Seat, 'serialNumber'> & { count: number }): Promise<AssetTruth>;
  /** Seat subscriptions of a library, and who holds seats. */
  subscriptions(uId: string): Promise<ReturnType<SimulatorAdmin['subscriptions']>>;
  buySubscription(order: Parameters<SimulatorAdmin['buySubscription']>[0]): Promise<void>;
  setUser(order: Parameters<SimulatorAdmin['setUser']>[0]): Promise<void>;
  addFault(order: { match?: FaultMatch; fault: Fault }): Promise<void>;
  /** Takes all faults back. */
  clearFaults(): Promise<void>;
  journal(query?: { since?: number; operation?: string }): Promise<JournalEntry[]>;
  /** How to reach its MDM server. */
  mdmAccess(): Promise<MdmAccessInfo>;
  /** Commands that wait for a device. */
  mdmQueue(id: string): Promise<WaitingCommand[]>;
  /** The verbs on devices, as in process. */
  fleet: {
    make(order: FleetOrder): Promise<{ devices: number; serialNumbers: string[] }>;
    script(order: FleetChoice & { script: DeviceScript }): Promise<{ devices: number; seed: number }>;
    clearScripts(order?: FleetChoice): Promise<void>;
    act(order: FleetChoice & { act: DeviceAct }): Promise<{ devices: number }>;
    devices(query?: FleetChoice & { seen?: boolean; offset?: number; limit?: number }): Promise<DeviceTruth[]>;
    state(): Promise<FleetState>;
  };
  publishVersion(order: VersionOrder): Promise<void>;
}

/** One seat of a library. */
export interface Seat {
  uId: string;
  adamId: string;
  serialNumber: string;
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
    moveSeat: (name, seat) => verb(name, seat),
    purchase: (order) => verb('purchase', order),
    subscriptions: (uId) => verb('subscriptions', { uId }),
    buySubscription: (order) => verb('buySubscription', order),
    setUser: (order) => verb('setUser', order),
    addFault: (order) => verb('faults.add', order),
    clearFaults: () => verb('faults.clear'),
    journal: (query = {}) => verb('journal', query),
    mdmAccess: () => verb('mdm.access'),
    mdmQueue: (id) => verb('mdm.queue', { id }),
    fleet: {
      make: (order) => verb('fleet.make', order),
      script: (order) => verb('fleet.script', order),
      clearScripts: (order = {}) => verb('fleet.clearScripts', order),
      act: (order) => verb('fleet.act', order),
      devices: (query = {}) => verb('fleet.devices', query),
      state: () => verb('fleet.state'),
    },
    publishVersion: (order) => verb('publishVersion', order),
  };
}
