/** Keeps the simulator's memory in a file, because the product's database survives a restart too. @module */
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Logger } from '../lib/logger.ts';
import type { World } from './apple/world.ts';
import type { Fleet } from './devices/fleet.ts';
import { belongsTo, restoreSnapshot, type Snapshot, takeSnapshot } from './snapshot.ts';

/** Least time between two savings, in milliseconds. */
const saveEveryMs = 3000;
/** Larger worlds are saved at a graceful end only, because saving holds up every answer. */
const smallRows = 50_000;

/** A state file in use. */
export interface StateFile {
  /** Saves now. */
  save(): void;
  /** Ends the saving in between, and saves a last time. */
  close(): void;
}

/** Loads the file when there is one for this scenario and seed, and keeps it up to date. */
export function openStateFile(path: string, world: World, fleet: Fleet, logger: Logger): StateFile {
  mkdirSync(dirname(path), { recursive: true });
  load(path, world, fleet, logger);
  let saved = world.changes;
  const save = () => {
    const content = JSON.stringify(takeSnapshot(world, fleet));
    writeFileSync(`${path}.new`, content, { mode: 0o600 });
    renameSync(`${path}.new`, path);
    saved = world.changes;
  };
  const timer = setInterval(() => {
    world.settle();
    if (world.changes !== saved && rowsOf(world) < smallRows) save();
  }, saveEveryMs);
  timer.unref();
  return {
    save,
    close: () => {
      clearInterval(timer);
      save();
    },
  };
}

function load(path: string, world: World, fleet: Fleet, logger: Logger): void {
  if (!existsSync(path)) return;
  const snapshot = read(path);
  if (snapshot && belongsTo(snapshot, world)) {
    restoreSnapshot(world, fleet, snapshot);
    return;
  }
  logger.warn({ path }, 'the state file belongs to another scenario or seed, or is damaged; it is set aside');
  renameSync(path, `${path}.old`);
}

function read(path: string): Snapshot | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as Snapshot;
  } catch {
    return undefined;
  }
}

function rowsOf(world: World): number {
  return [...world.units.values()].reduce((sum, unit) => sum + unit.table.size, 0);
}
