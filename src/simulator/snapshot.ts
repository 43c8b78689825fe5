/** The whole memory of a simulator as JSON and back, so that it survives a restart. @module */
import type { DeveloperKey } from './apple/developer-keys.ts';
import type { AppleEvent } from './apple/events.ts';
import { type Asset, type ClientConfig, OrganizationalUnit, type Target } from './apple/organizational-unit.ts';
import type { ContentToken } from './apple/tokens.ts';
import type { User } from './apple/users.ts';
import type { DataSet } from './apple/versions.ts';
import type { World } from './apple/world.ts';
import type { Fleet } from './devices/fleet.ts';
import type { StoreSnapshot } from './devices/mdm/store.ts';
import type { FleetSnapshot } from './devices/pack.ts';
import type { OutboxSnapshot } from './notify/outbox.ts';
import type { CatalogItem, DeviceSpec, OrganizationalUnitSpec } from './scenarios/types.ts';
import type { BookSnapshot } from './subscriptions/book.ts';

/** Raised when the shape changes; a file of another shape is set aside. */
const shape = 2;

interface UnitSnapshot {
  spec: Pick<OrganizationalUnitSpec, 'uId' | 'name' | 'country' | 'platform' | 'managedDomains'>;
  config: ClientConfig;
  assets: Asset[];
  users: User[];
  subscriptions: BookSnapshot;
  versions: Record<DataSet, number>;
  /** Targets that hold seats: `s` or `u` and the id. */
  targets: string[];
  /** Columns as Base64 of 32-bit numbers: asset, place in `targets`, version. */
  rows: { asset: string; target: string; version: string };
}

/** A state file. */
export interface Snapshot {
  shape: number;
  scenario: string;
  seed: number;
  random: number;
  catalog: CatalogItem[];
  devices: DeviceSpec[];
  tokens: ContentToken[];
  developerKeys: DeveloperKey[];
  units: UnitSnapshot[];
  events: AppleEvent[];
  outbox: OutboxSnapshot;
  /** Absent in files of before there were any. */
  fleet?: FleetSnapshot;
  mdm?: StoreSnapshot;
  /** Where events go: devices that live on are still to be heard. */
  mdmWebhook?: { webhookUrl: string | null; webhookHmacKey: string | null };
}

/** Everything worth keeping; options, faults and the journal are not. */
export function takeSnapshot(world: World, fleet: Fleet): Snapshot {
  world.settle();
  return {
    shape,
    scenario: world.scenario.name,
    seed: world.seed,
    random: world.random.state(),
    catalog: [...world.catalog.values()],
    devices: world.devices,
    tokens: world.tokens,
    developerKeys: world.developerKeys,
    units: [...world.units.values()].map(snapshotUnit),
    events: world.engine.all().map(shorten),
    outbox: world.outbox.snapshot(),
    fleet: fleet.snapshot(),
    mdm: world.mdm.store.snapshot(),
    mdmWebhook: webhookOf(world),
  };
}

/** Whether a snapshot was taken of a world that started like this one. */
export function belongsTo(snapshot: Snapshot, world: World): boolean {
  return snapshot.shape === shape && snapshot.scenario === world.scenario.name && snapshot.seed === world.seed;
}

/** Puts a world back as it was. */
export function restoreSnapshot(world: World, fleet: Fleet, snapshot: Snapshot): void {
  world.empty(world.scenario);
  world.random.restore(snapshot.random);
  world.catalog = new Map(snapshot.catalog.map((item) => [item.adamId, item]));
  world.devices = snapshot.devices;
  world.tokens = snapshot.tokens;
  world.developerKeys = snapshot.developerKeys;
  for (const unit of snapshot.units) world.units.set(unit.spec.uId, restoreUnit(unit));
  for (const event of snapshot.events) world.engine.accept(event);
  world.outbox.restore(snapshot.outbox);
  if (snapshot.mdmWebhook && world.options.mdm.webhookUrl === null) world.setOptions({ mdm: snapshot.mdmWebhook });
  if (snapshot.mdm) world.mdm.store.restore(snapshot.mdm);
  if (snapshot.fleet) fleet.restore(snapshot.fleet);
  world.setOptions({});
}

function snapshotUnit(unit: OrganizationalUnit): UnitSnapshot {
  const columns = unit.table.columns();
  const places = new Map<number, number>();
  const target = columns.target.map((no) => {
    if (!places.has(no)) places.set(no, places.size);
    return places.get(no)!;
  });
  const { uId, name, country, platform, managedDomains, config, versions } = unit;
  return {
    spec: { uId, name, country, platform, managedDomains: [...managedDomains] },
    config,
    assets: unit.allAssets(),
    users: [...unit.users.all()],
    subscriptions: unit.book.snapshot(),
    versions,
    targets: [...places.keys()].map((no) => encodeTarget(unit.targetAt(no))),
    rows: { asset: encode(columns.asset), target: encode(target), version: encode(columns.version) },
  };
}

function restoreUnit(snapshot: UnitSnapshot): OrganizationalUnit {
  const unit = new OrganizationalUnit(snapshot.spec);
  unit.config = snapshot.config;
  unit.restoreAssets(snapshot.assets);
  for (const user of snapshot.users) unit.users.restore(user);
  unit.book.restore(snapshot.subscriptions);
  const [asset, target, version] = [snapshot.rows.asset, snapshot.rows.target, snapshot.rows.version].map(decode);
  const targets = snapshot.targets.map(decodeTarget);
  for (let row = 0; row < asset!.length; row++) unit.restoreRow(asset![row]!, targets[target![row]!]!, version![row]!);
  Object.assign(unit.versions, snapshot.versions);
  return unit;
}

function webhookOf({ options }: World): Snapshot['mdmWebhook'] {
  const { webhookUrl, webhookHmacKey } = options.mdm;
  return { webhookUrl, webhookHmacKey };
}

/** A finished event is only asked for its numbers. */
function shorten(event: AppleEvent): AppleEvent {
  return event.finishedAt === undefined ? event : { ...event, assets: [], targets: [], pairs: [] };
}

function encodeTarget(target: Target): string {
  return `${target.kind === 'serialNumber' ? 's' : 'u'}${target.id}`;
}

function decodeTarget(text: string): Target {
  return { kind: text.startsWith('s') ? 'serialNumber' : 'clientUserId', id: text.slice(1) };
}

function encode(column: Int32Array): string {
  return Buffer.from(column.buffer, column.byteOffset, column.byteLength).toString('base64');
}

function decode(text: string): Int32Array {
  const bytes = new Uint8Array(Buffer.from(text, 'base64'));
  return new Int32Array(bytes.buffer);
}
