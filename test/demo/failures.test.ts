import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readOptions } from '../../src/demo/arguments.ts';
import { createClient, granted } from '../../src/demo/client.ts';
import { ViewerDocument } from '../../src/generated/operations/graphql.ts';
import { freePort } from '../support/free-port.ts';

let data: string;
beforeEach(() => {
  data = mkdtempSync(join(tmpdir(), 'russet-demo-'));
});
afterEach(() => rmSync(data, { recursive: true }));

describe('the options of the demo', () => {
  const sandbox = { graphqlUrl: 'http://127.0.0.1:4000/graphql', apiKey: 'rk_1', tokenFile: 't', simulatorUrl: 's' };

  it('come from the sandbox that runs', () => {
    writeFileSync(join(data, 'sandbox.json'), JSON.stringify(sandbox));
    expect(readOptions([], { RUSSET_DATA: data })).toEqual({
      ...{ url: sandbox.graphqlUrl, apiKey: 'rk_1', tokenFile: 't', simulatorUrl: 's' },
      ...{ devices: 250, all: false, json: false },
    });
  });

  it('can be given by flags, then by the environment', () => {
    const flags = ['--url', 'http://localhost:1/graphql', '--key', 'rk_2', '--devices', '3', '--json'];
    const env = { RUSSET_KEY: 'rk_3', RUSSET_TOKEN_FILE: 'u', RUSSET_DATA: data };
    expect(readOptions(flags, env)).toMatchObject({ apiKey: 'rk_2', tokenFile: 'u', simulatorUrl: null, devices: 3 });
  });

  it('say that nothing runs when npm start left no file', () => {
    expect(() => readOptions([], { RUSSET_DATA: data })).toThrowError(
      expect.objectContaining({
        code: 'NOT_RUNNING',
        hints: [expect.stringContaining('npm start in another terminal')],
      }),
    );
  });

  it.each([
    [['--devices', '0']],
    [['--devices', 'x']],
    [['--wat']],
    [['--url', 'ftp://x', '--key', 'k', '--token-file', 't']],
  ])('are refused when they are wrong: %j', (flags) => {
    writeFileSync(join(data, 'sandbox.json'), JSON.stringify(sandbox));
    expect(() => readOptions(flags, { RUSSET_DATA: data })).toThrowError(expect.objectContaining({ code: 'USAGE' }));
  });

  it('are not needed for help', () => {
    expect(readOptions(['--help'], { RUSSET_DATA: data })).toBeNull();
  });
});

describe('what the demo says when the API does not answer as it should', () => {
  const never = new AbortController().signal;

  async function ask(status: number, body: string) {
    const server = createServer((_request, response) => void response.writeHead(status).end(body));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as { port: number };
    try {
      return await createClient({ url: `http://127.0.0.1:${port}/`, apiKey: 'rk_1' }, never).ask(ViewerDocument, {});
    } finally {
      server.close();
    }
  }

  it('nobody listens: start it', async () => {
    const url = `http://127.0.0.1:${await freePort()}/graphql`;
    await expect(createClient({ url, apiKey: 'rk_1' }, never).ask(ViewerDocument, {})).rejects.toMatchObject({
      code: 'NOT_RUNNING',
      message: `Russet is not running: nobody answers at ${url}.`,
      hints: [expect.stringContaining('npm start in another terminal')],
    });
  });

  it('the key is not good', async () => {
    await expect(ask(401, '{"errors":[{"message":"Sign in"}]}')).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
  });

  it('something else listens', async () => {
    await expect(ask(200, '<html>')).rejects.toMatchObject({ code: 'NOT_RUSSET' });
    await expect(ask(200, '[]')).rejects.toMatchObject({ code: 'NOT_RUSSET' });
  });

  it('a bug of the API keeps its correlation id', async () => {
    const error = {
      message: 'Something went wrong.',
      extensions: { code: 'INTERNAL_SERVER_ERROR', correlationId: 'c-1' },
    };
    await expect(ask(200, JSON.stringify({ errors: [error] }))).rejects.toMatchObject({
      code: 'INTERNAL_SERVER_ERROR',
      hints: ['correlationId: c-1'],
    });
  });

  it('a refusal keeps its code and its facts', () => {
    const refusal = {
      __typename: 'NoLicensesAvailableError',
      code: 'NO_LICENSES_AVAILABLE',
      message: 'Only 3 are free.',
      path: [],
      ...{ requested: 250, available: 3, skipped: [] },
    };
    expect(() => granted(refusal)).toThrowError(
      expect.objectContaining({ code: 'NO_LICENSES_AVAILABLE', hints: ['requested: 250', 'available: 3'] }),
    );
  });
});
