/** What devices are told to do wrong: once, some times, or always. @module */
import { createHash } from 'node:crypto';

/** One error of an answer. */
export interface ScriptedError {
  domain: string;
  code: number;
  text?: string;
}

interface Bounds {
  /** How often, for each app where it is about apps; always unless said. */
  times?: number;
  /** Only about this app. */
  adamId?: string;
  /** Chance, from 0 to 1, that it concerns a device and app at all; the seed decides once for each. */
  chance?: number;
}

/** A misfortune. */
export type DeviceScript = Bounds &
  (
    | /** Puts commands off; iOS never does so with DeviceInformation and InstalledApplicationList. */ {
        kind: 'notNow';
      }
    /** Answers installs with these errors. */
    | { kind: 'error'; errors: ScriptedError[]; rejectionReason?: string; requestType?: string }
    /** Does not understand. */
    | { kind: 'formatError'; requestType?: string }
    /** The person refuses; told once. */
    | { kind: 'userRejects'; afterMs?: number }
    /** Asks a person although it is supervised (the app is in front); null for somebody who never answers. */
    | { kind: 'prompt'; acceptsAfterMs: number | null }
    /** Runs one app only: accepts updates and never makes them, or says that somebody is being asked (1407). */
    | { kind: 'kiosk'; answer?: 'accepts' | '1407' }
    /** Loads the update and has the old version afterwards. */
    | { kind: 'stuckVersion' }
    /** The installation fails; told once. */
    | { kind: 'installFails' }
    /** Installs for ever. */
    | { kind: 'hangs' }
    /** Learns of new versions so much after their release; with `store`, the store has the old ones until then too. */
    | { kind: 'stagedRollout'; delayMs: number; store?: boolean }
    /** Sends an answer twice. */
    | { kind: 'duplicateAnswer' }
    /** The connection breaks before the server got the answer; the device sends it again when it connects. */
    | { kind: 'lostConnection' }
  );

/** A script in use. */
export interface ActiveScript {
  script: DeviceScript;
  seed: number;
  /** How often it was used, by app; `*` for what is about none. */
  used: Record<string, number>;
}

/** Whom and what about a script is asked. */
export interface Occasion {
  serialNumber: string;
  adamId?: string | null;
  requestType?: string;
}

/** Finds the first script of a kind that fits, and uses it up by one. */
export function useScript<Kind extends DeviceScript['kind']>(
  scripts: readonly ActiveScript[],
  kind: Kind,
  occasion: Occasion,
): Extract<DeviceScript, { kind: Kind }> | undefined {
  const found = scripts.find((active) => active.script.kind === kind && fits(active, occasion));
  if (!found) return undefined;
  const key = occasion.adamId ?? '*';
  found.used[key] = (found.used[key] ?? 0) + 1;
  return found.script as Extract<DeviceScript, { kind: Kind }>;
}

/** Like {@link useScript}, for what lasts: nothing is used up. */
export function findScript<Kind extends DeviceScript['kind']>(
  scripts: readonly ActiveScript[],
  kind: Kind,
  occasion: Occasion,
): Extract<DeviceScript, { kind: Kind }> | undefined {
  const found = scripts.find((active) => active.script.kind === kind && fits(active, occasion));
  return found?.script as Extract<DeviceScript, { kind: Kind }> | undefined;
}

function fits({ script, seed, used }: ActiveScript, { serialNumber, adamId, requestType }: Occasion): boolean {
  if (script.adamId !== undefined && script.adamId !== adamId) return false;
  if ('requestType' in script && script.requestType !== undefined && script.requestType !== requestType) return false;
  if (script.times !== undefined && (used[adamId ?? '*'] ?? 0) >= script.times) return false;
  return script.chance === undefined || chanceOf(seed, serialNumber, adamId ?? '*') < script.chance;
}

/** A number in [0, 1) that is always the same for the same words. */
export function chanceOf(...words: readonly (string | number)[]): number {
  return createHash('sha256').update(words.join(' ')).digest().readUInt32BE(0) / 4294967296;
}
