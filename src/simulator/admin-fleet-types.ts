/** The verbs that control simulated devices. @module */
import type { DeviceAppState, SeenCommand, SimulatedDevice } from './devices/device.ts';
import type { OtherServer } from './devices/fleet.ts';
import type { FleetOrder, InitialApp } from './devices/make.ts';
import type { DeviceScript } from './devices/scripts.ts';
import type { DeviceSpec } from './scenarios/types.ts';

/** Which devices are meant: these, those of a family, or all; and a part of them by the seed. */
export interface FleetChoice {
  serialNumbers?: string[];
  family?: DeviceSpec['family'];
  supervised?: boolean;
  /** From 0 to 1. */
  share?: number;
  /** 1 more than the simulator's unless said. */
  seed?: number;
}

/** Something that happens to devices now. */
export type DeviceAct =
  | /** They ask for work, as after a push. */ { kind: 'connect' }
  /** They can't be reached; pushes are lost unless kept for their return. */
  | { kind: 'goOffline'; forMs: number; keepsPush?: boolean }
  | { kind: 'comeOnline' }
  /** Erased and enrolled anew: managed apps are gone. */
  | { kind: 'reenroll'; keepsApps?: boolean; awaitingConfiguration?: boolean }
  /** They leave, with or without a word. */
  | { kind: 'unenroll'; silently?: boolean }
  | { kind: 'leaveSetup' }
  /** A person removes an app; a managed one is then ManagedButUninstalled. */
  | { kind: 'removeApp'; adamId?: string; bundleId?: string }
  /** An app is there as if it had always been. */
  | { kind: 'putApp'; app: InitialApp }
  | { kind: 'updateSystem'; osVersion: string }
  /** The person signs in (null: out), and accepts invitations with `account`. */
  | { kind: 'signIn'; idHash?: string | null; account?: string | null };

/** What is true of a device. */
export type DeviceTruth = Omit<SimulatedDevice, 'apps' | 'seen' | 'scripts' | 'talking' | 'wokenAgain' | 'unsent'> & {
  apps: (DeviceAppState & { licensed: boolean; newest: { version: string; externalId: number } | null })[];
  scripts: (DeviceScript & { used: Record<string, number> })[];
  /** With `seen: true`. */
  seen?: SeenCommand[];
};

/** The fleet in numbers. */
export interface FleetState {
  devices: number;
  enrolled: number;
  offline: number;
  conversations: number;
  broken: number;
  talking: number;
  planned: number;
  /** Commands that devices saw, by request type. */
  commands: Record<string, number>;
  /** Apps by status; `unmanaged` for those that nobody manages. */
  apps: Record<string, number>;
}

/** Control of devices. Speeds are in the options (`fleet`). */
export interface FleetAdmin {
  /** Makes devices and lets them enroll. */
  make(order?: FleetOrder): { devices: number; serialNumbers: string[] };
  /** Forgets all devices; their enrollments stay with the server. */
  clear(): void;
  /** Lets them speak to another server with the protocol, or (null) to the simulator's own again. */
  useServer(order: { server: OtherServer | null }): void;
  /** The authority that certificates of devices come from; a NanoMDM gets it with `-ca`. */
  authority(): { pem: string };
  /** Gives a script to devices. The seed is told, so that the choice can be repeated. */
  script(order: FleetChoice & { script: DeviceScript }): { devices: number; seed: number };
  /** Takes scripts back. */
  clearScripts(order?: FleetChoice & { kind?: DeviceScript['kind'] }): { devices: number };
  act(order: FleetChoice & { act: DeviceAct }): { devices: number };
  devices(query?: FleetChoice & { seen?: boolean; offset?: number; limit?: number }): DeviceTruth[];
  state(): FleetState;
  /** With a virtual clock: does what is due now, events for the webhook included. */
  drive(): Promise<FleetState>;
}
