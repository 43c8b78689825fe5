import { once } from 'node:events';
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { identifyProcess } from '../../src/db/embedded/process-identity.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { createWorld, type SupervisorWorld } from '../support/running-supervisor.ts';

let world: SupervisorWorld;
let database: TestDatabase;

beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());

/** For what has nothing to do with the embedded PostgreSQL, which takes longer to come up than all the rest. */
const withDatabase = () => ({ FAKE_DATABASE: database.url });

beforeEach(async () => {
  world = await createWorld();
});

afterEach(() => world.clear());

function everything(): number[] {
  return [...['api', 'worker', 'simulator'].flatMap((name) => world.pids(name)), world.postmaster() ?? 0].filter(
    Boolean,
  );
}

function allGone(pids: number[]): Promise<boolean> {
  return eventually(() => pids.every((pid) => !identifyProcess(pid)));
}

describe('a start', () => {
  test('brings everything up, tells how to reach it, and stops it in order', async () => {
    const run = world.start();
    expect(await run.prints('Ctrl-C stops everything'), run.output()).toBe(true);
    expect(run.output()).toContain(`http://127.0.0.1:${world.port}/graphql`);
    expect(run.output()).toContain('key-for-tests   (shown this once; also in ');
    expect(run.output()).toContain('worker warn: a warning of worker');
    const pids = everything();
    expect(pids).toHaveLength(4);
    run.child.kill('SIGTERM');
    expect(await run.exit()).toBe(0);
    expect(world.journal().filter((line) => line.endsWith('stopped'))).toEqual([
      'api stopped',
      'worker stopped',
      'simulator stopped',
    ]);
    expect(pids.filter((pid) => identifyProcess(pid))).toEqual([]);
    expect(existsSync(join(world.data, 'russet.lock'))).toBe(false);
  });

  test('gives worker and API their environment, and programs on this machine a file', async () => {
    await world.start(withDatabase()).prints('Ctrl-C stops everything');
    expect(world.journal()).toEqual(
      expect.arrayContaining([
        'simulator mode - database no key -',
        'worker mode sandbox database yes key keys',
        'api mode sandbox database yes key keys',
      ]),
    );
    const file = join(world.data, 'sandbox.json');
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(JSON.parse(readFileSync(file, 'utf8'))).toEqual({
      graphqlUrl: `http://127.0.0.1:${world.port}/graphql`,
      apiKey: 'key-for-tests',
      tokenFile: join(world.data, 'sandbox.vpptoken'),
      simulatorUrl: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+$/),
    });
  });

  test('does not show the key again', async () => {
    writeFileSync(join(world.data, 'prepared'), '');
    const run = world.start(withDatabase());
    await run.prints('Ctrl-C stops everything');
    expect(run.output()).not.toContain('key-for-tests');
  });

  test('says which port is taken and how to use another', async () => {
    const squatter = createServer().listen(world.port, '127.0.0.1');
    await once(squatter, 'listening');
    const run = world.start();
    expect(await run.exit()).toBe(1);
    squatter.close();
    expect(run.output()).toContain(`Port ${world.port} is taken by another program. Set PORT`);
  });

  test('takes down what is up when a program does not come up', async () => {
    const run = world.start({ FAKE_API: 'fail' });
    expect(await run.exit()).toBe(1);
    expect(run.output()).toContain('api ended before it was ready (exit code 3)');
    expect(existsSync(join(world.data, 'sandbox.json'))).toBe(true);
    expect(await allGone(everything())).toBe(true);
  });

  test('can be interrupted halfway', async () => {
    const run = world.start({ FAKE_API: 'slow' });
    await eventually(() => world.pids('api').length > 0, 15_000);
    const pids = everything();
    run.child.kill('SIGINT');
    expect(await run.exit()).toBe(0);
    expect(pids.filter((pid) => identifyProcess(pid))).toEqual([]);
  });
});

describe('a second start', () => {
  test('says where the first one is', async () => {
    const first = world.start(withDatabase());
    await first.prints('Ctrl-C stops everything');
    const second = world.start();
    expect(await second.exit()).toBe(1);
    expect(second.output()).toContain(`Russet is running already: http://127.0.0.1:${world.port}/graphql`);
    expect(second.output()).toContain(`kill ${first.child.pid}`);
    expect(identifyProcess(first.child.pid!)).toBeDefined();
  });

  test('is not kept out by the lock of a process whose number another one has got', async () => {
    const lock = { pid: process.pid, start: 'another moment', graphqlUrl: '', since: '' };
    writeFileSync(join(world.data, 'russet.lock'), JSON.stringify(lock));
    const run = world.start(withDatabase());
    expect(await run.prints('Ctrl-C stops everything'), run.output()).toBe(true);
  });
});

describe('while it runs', () => {
  test.each(['worker', 'api', 'simulator'])('a dead %s is started again', async (name) => {
    const run = world.start(withDatabase());
    await run.prints('Ctrl-C stops everything');
    const before = world.pids(name)[0]!;
    process.kill(before, 'SIGKILL');
    expect(await run.prints(`${name} is running again`), run.output()).toBe(true);
    expect(world.pids(name)).toHaveLength(2);
  });

  test('the loss of the database ends it with a word about it', async () => {
    const run = world.start();
    await run.prints('Ctrl-C stops everything');
    process.kill(world.postmaster()!, 'SIGKILL');
    expect(await run.exit()).toBe(1);
    expect(run.output()).toContain('The database ended unexpectedly');
    expect(await allGone(everything())).toBe(true);
  });

  test('nothing survives when it is killed', async () => {
    const run = world.start();
    await run.prints('Ctrl-C stops everything');
    const pids = everything();
    run.child.kill('SIGKILL');
    expect(await allGone(pids)).toBe(true);
  });
});

describe('Ctrl-C', () => {
  test('reaches no program by itself, and its echo through npm changes nothing', async () => {
    const run = world.start(withDatabase());
    await run.prints('Ctrl-C stops everything');
    process.kill(-run.child.pid!, 'SIGINT');
    // Two equal signals at a time arrive as one, so the echo is played by another one that means the same.
    run.child.kill('SIGTERM');
    expect(await run.exit()).toBe(0);
    expect(world.journal().filter((line) => line.endsWith('interrupted'))).toEqual([]);
  });

  test('a second one ends it at once', async () => {
    const run = world.start({ FAKE_API: 'stubborn' });
    await run.prints('Ctrl-C stops everything');
    const pids = everything();
    // Further ones count from a second after the first; until then they are taken for its echo.
    await eventually(() => !run.child.kill('SIGINT'), 8_000);
    expect(await run.exit()).toBe(130);
    expect(await allGone(pids)).toBe(true);
  });
});
