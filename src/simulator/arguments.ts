/** The command line of the program. @module */
import { parseArgs } from 'node:util';
import type { OptionsPatch } from './options.ts';
import { scenarioNames } from './scenarios/index.ts';

/** What the command line says. */
export interface Settings {
  help: boolean;
  port: number;
  host: string;
  seed: number;
  scenario: string;
  licenses: number | undefined;
  devices: number | undefined;
  /** Simulated devices that enroll with the MDM server. */
  fleet: number | undefined;
  stateFile: string | undefined;
  options: OptionsPatch;
}

/** Text of `--help`. */
export const usage = `A local stand-in for Apple's Apps and Books service.

  --port N                     port to listen on; if it is taken, the next free one; 0 is any (9501)
  --host ADDRESS               address to listen on (127.0.0.1)
  --seed N                     start of all made-up ids (1)
  --scenario NAME              ${scenarioNames.join(' or ')} (${scenarioNames[0]})
  --licenses N                 seats taken at the start; makes the scenario a large one
  --devices N                  devices of the scenario (600, large: 10000)
  --fleet N                    devices of them that run and enroll with the MDM server (0)
  --mdm-flavor NAME            nanomdm or nanohub (nanomdm)
  --mdm-api-key KEY            password of the MDM server's API
  --mdm-webhook-url URL        where the MDM server tells its events
  --mdm-webhook-hmac-key KEY   signs them
  --page-size N                rows on a page (1000)
  --max-requests-per-second N  published and enforced rate (15)
  --event-batch-ms N           time between two batches of an event (100)
  --event-batch-size N         tasks in one batch (100)
  --latency-ms N               least time of every answer (0)
  --allow-http-notifications   accept http: notification URLs
  --state-file PATH            keep the memory here between runs
  --help                       show this
`;

const flags = {
  port: { type: 'string', default: '9501' },
  host: { type: 'string', default: '127.0.0.1' },
  seed: { type: 'string', default: '1' },
  scenario: { type: 'string', default: scenarioNames[0] },
  licenses: { type: 'string' },
  devices: { type: 'string' },
  fleet: { type: 'string' },
  'mdm-flavor': { type: 'string' },
  'mdm-api-key': { type: 'string' },
  'mdm-webhook-url': { type: 'string' },
  'mdm-webhook-hmac-key': { type: 'string' },
  'page-size': { type: 'string' },
  'max-requests-per-second': { type: 'string' },
  'event-batch-ms': { type: 'string' },
  'event-batch-size': { type: 'string' },
  'latency-ms': { type: 'string' },
  'allow-http-notifications': { type: 'boolean' },
  'state-file': { type: 'string' },
  help: { type: 'boolean', default: false },
} as const;

/** Reads the command line; throws at an unknown flag or a number that is none. */
export function readArguments(args: readonly string[]): Settings {
  const { values } = parseArgs({ args: [...args], options: flags, strict: true });
  const number = (name: keyof typeof flags) => wholeNumber(name, values[name]);
  const perSecond = number('max-requests-per-second');
  return {
    help: values.help,
    port: number('port')!,
    host: values.host,
    seed: number('seed')!,
    scenario: values.scenario,
    licenses: number('licenses'),
    devices: number('devices'),
    fleet: number('fleet'),
    stateFile: values['state-file'],
    options: {
      pageSize: number('page-size'),
      eventBatchMs: number('event-batch-ms'),
      eventBatchSize: number('event-batch-size'),
      latencyMs: number('latency-ms'),
      allowHttpNotificationUrl: values['allow-http-notifications'],
      mdm: {
        flavor: flavorOf(values['mdm-flavor']),
        apiKey: values['mdm-api-key'],
        webhookUrl: values['mdm-webhook-url'],
        webhookHmacKey: values['mdm-webhook-hmac-key'],
      },
      ...(perSecond === undefined ? {} : { limits: { maxRequestPerSecond: perSecond } }),
    },
  };
}

function flavorOf(text: string | undefined): 'nanomdm' | 'nanohub' | undefined {
  if (text === undefined || text === 'nanomdm' || text === 'nanohub') return text;
  throw new Error(`--mdm-flavor is nanomdm or nanohub, not ${text}`);
}

function wholeNumber(name: string, text: string | boolean | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (!/^\d+$/.test(String(text))) throw new Error(`--${name} needs a whole number, not ${text}`);
  return Number(text);
}
