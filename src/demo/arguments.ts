/** What the demo is told: by flags, by the environment, and by the sandbox that runs. @module */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { DemoFailure, notRunning } from './failure.ts';

/** What `--help` says. */
export const usage = `Usage: npm run demo -- [options]

Uploads a content token, syncs its library, gives licenses to devices and takes them back, live.
It speaks to the sandbox that npm start brought up.

  --json               print one JSON object at the end, and nothing else
  --devices NUMBER     how many devices get a license (250)
  --all                print all purchased apps, not only the first twenty
  --url URL            address of GraphQL           (RUSSET_URL)
  --key KEY            API key                      (RUSSET_KEY)
  --token-file PATH    content token to upload      (RUSSET_TOKEN_FILE)
  --simulator URL      address of Apple's simulator (RUSSET_SIMULATOR)
  --help               this text

What is not given is read from sandbox.json in RUSSET_DATA (.data), where npm start leaves it.`;

/** What a run works with. */
export interface DemoOptions {
  /** Address of GraphQL over HTTP. */
  url: string;
  apiKey: string;
  /** File of the content token. */
  tokenFile: string;
  /** Where the devices are asked for; without it those on the organization's list are used. */
  simulatorUrl: string | null;
  /** How many devices get a license. */
  devices: number;
  /** Print all apps. */
  all: boolean;
  json: boolean;
}

type Environment = Record<string, string | undefined>;

/** Reads the flags. Null when the person asked for help. */
export function readOptions(parameters: string[], env: Environment): DemoOptions | null {
  const flags = parse(parameters);
  if (flags.help) return null;
  const devices = atLeastOne(flags.devices);
  const folder = env.RUSSET_DATA || '.data';
  const known = {
    graphqlUrl: flags.url ?? (env.RUSSET_URL || undefined),
    apiKey: flags.key ?? (env.RUSSET_KEY || undefined),
    tokenFile: flags['token-file'] ?? (env.RUSSET_TOKEN_FILE || undefined),
    simulatorUrl: flags.simulator ?? (env.RUSSET_SIMULATOR || undefined),
  };
  const sandbox = known.graphqlUrl && known.apiKey && known.tokenFile ? {} : readSandbox(join(folder, 'sandbox.json'));
  return {
    url: address(needed('graphqlUrl', known.graphqlUrl, sandbox)),
    apiKey: needed('apiKey', known.apiKey, sandbox),
    tokenFile: needed('tokenFile', known.tokenFile, sandbox),
    // The devices of another system's simulator would be of no use.
    simulatorUrl: known.simulatorUrl ?? (known.graphqlUrl ? null : (sandbox.simulatorUrl ?? null)),
    devices,
    all: flags.all,
    json: flags.json,
  };
}

function parse(parameters: string[]) {
  try {
    return parseArgs({
      args: parameters,
      options: {
        json: { type: 'boolean', default: false },
        all: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
        devices: { type: 'string', default: '250' },
        url: { type: 'string' },
        key: { type: 'string' },
        'token-file': { type: 'string' },
        simulator: { type: 'string' },
      },
    }).values;
  } catch (error) {
    throw new DemoFailure('USAGE', (error as Error).message, ['npm run demo -- --help shows the options.']);
  }
}

type Sandbox = Partial<Record<'graphqlUrl' | 'apiKey' | 'tokenFile' | 'simulatorUrl', string>>;

function readSandbox(path: string): Sandbox {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch {
    throw notRunning(`there is no ${path}`);
  }
  try {
    return JSON.parse(text) as Sandbox;
  } catch {
    throw new DemoFailure('SANDBOX_FILE', `${path} can't be read as JSON.`, ['npm start writes it anew.']);
  }
}

function needed(name: 'graphqlUrl' | 'apiKey' | 'tokenFile', given: string | undefined, sandbox: Sandbox): string {
  const value = given ?? sandbox[name];
  if (value) return value;
  throw new DemoFailure('SANDBOX_FILE', `sandbox.json has no ${name}.`, ['npm start writes it anew.']);
}

function address(text: string): string {
  if (URL.canParse(text) && /^https?:$/.test(new URL(text).protocol)) return text;
  throw new DemoFailure('USAGE', `${text} is no address such as http://127.0.0.1:4000/graphql.`);
}

function atLeastOne(text: string): number {
  const number = Number(text);
  if (Number.isInteger(number) && number >= 1 && number <= 10_000) return number;
  throw new DemoFailure('USAGE', `--devices must be a whole number from 1 to 10,000, not ${text}.`);
}
