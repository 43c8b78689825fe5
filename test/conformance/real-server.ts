/**
 * A NanoMDM of its makers, if one can be had: `NANOMDM_BIN` names its program; else Go builds it, outside of this
 * repository. Nothing of it is part of Russet. @module
 */
import { execFile, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { eventually } from '../support/eventually.ts';
import { freePort } from '../support/free-port.ts';
import { certificateHeader, type StartServer, type Webhook } from './server.ts';

const run = promisify(execFile);

/** The version whose behavior is known. */
export const testedVersion = 'v0.9.0';
const source = `github.com/micromdm/nanomdm/cmd/nanomdm@${testedVersion}`;
/** Milliseconds in which Go has to build it. */
const buildFor = 180_000;

/** A program to be started, or why there is none. */
export type Found =
  | {
      program: string /** As people call it. */;
      title: string /** As it says itself. */;
      version: string;
      close(): void;
    }
  | { program: null; reason: string };

/** Looks for one. */
export async function findNanoMdm(): Promise<Found> {
  const named = process.env.NANOMDM_BIN;
  if (named) {
    if (!existsSync(named)) return { program: null, reason: 'NANOMDM_BIN names no file' };
    return { program: named, title: 'NANOMDM_BIN', version: await versionOf(named), close: () => {} };
  }
  const folder = mkdtempSync(join(tmpdir(), 'russet-nanomdm-'));
  const close = () => rmSync(folder, { recursive: true, force: true });
  try {
    // From a folder without go.mod, so that nothing of ours decides what is built.
    await run('go', ['install', source], { cwd: folder, timeout: buildFor, env: { ...process.env, GOBIN: folder } });
    const program = join(folder, 'nanomdm');
    return { program, title: testedVersion, version: await versionOf(program), close };
  } catch (error) {
    close();
    const { code, killed } = error as { code?: unknown; killed?: boolean };
    const reason = code === 'ENOENT' ? 'Go is not installed' : killed ? 'Go took too long' : 'Go could not build it';
    return { program: null, reason: `${reason}, and NANOMDM_BIN is not set` };
  }
}

async function versionOf(program: string): Promise<string> {
  return (await run(program, ['-version'])).stdout.trim();
}

/** Gives how to start it: with storage in files, without TLS, and with devices' certificates in a header. */
export function realServer(program: string, version: string): StartServer {
  return async (authority) => {
    const folder = mkdtempSync(join(tmpdir(), 'russet-nanomdm-'));
    const storage = join(folder, 'storage');
    mkdirSync(storage);
    writeFileSync(join(folder, 'ca.pem'), authority);
    const apiKey = 'key of the real server';
    const port = await freePort();
    const baseUrl = `http://127.0.0.1:${port}`;
    let hook: Webhook | undefined;
    let child: ReturnType<typeof spawn> | undefined;
    let ended: Promise<unknown> = Promise.resolve();
    const start = async () => {
      child = spawn(
        program,
        [
          ...['-listen', `127.0.0.1:${port}`, '-storage', 'filekv', '-storage-dsn', storage],
          ...['-ca', join(folder, 'ca.pem'), '-cert-header', certificateHeader, '-api', apiKey],
          ...(hook ? ['-webhook-url', hook.url, '-webhook-hmac-key', hook.hmacKey] : []),
        ],
        { stdio: 'ignore' },
      );
      ended = new Promise((resolve) => child!.once('exit', resolve));
      const listens = () =>
        fetch(`${baseUrl}/version`).then(
          ({ ok }) => ok,
          () => false,
        );
      if (!(await eventually(listens))) throw new Error('NanoMDM does not listen');
    };
    const stop = async () => {
      child?.kill('SIGTERM');
      await ended;
    };
    await start();
    return {
      ...{ baseUrl, doorUrl: `${baseUrl}/mdm`, apiKey, certificateHeader, version, flavor: 'NANOMDM' },
      restart: async (webhook) => {
        await stop();
        hook = webhook ?? hook;
        await start();
      },
      close: async () => {
        await stop();
        rmSync(folder, { recursive: true, force: true });
      },
    };
  };
}
