/** An MDM server shaped like NanoMDM (or NanoHUB), in the memory of the simulator. @module */
import { readPlist } from '../../../lib/plist.ts';
import { sameText } from '../../../lib/same-text.ts';
import { createRandom, type Random } from '../../random.ts';
import { type ApiAnswer, enqueue, push, pushCertificate } from './api.ts';
import { answerDevice, type DeviceReply, type DeviceRequest, type Heard } from './device-door.ts';
import { describeEvent, webhookEvent } from './event.ts';
import { Messenger } from './messenger.ts';
import type { MdmOptions } from './options.ts';
import { MdmStore } from './store.ts';

/** Root of its paths; a client takes it as the server's base URL. */
export const mdmRoot = '/nanomdm';

/** One HTTP request below {@link mdmRoot}. */
export interface MdmRequest {
  method: string;
  /** Below the root, still escaped, e.g. `/v1/enqueue/ID`. */
  path: string;
  query: URLSearchParams;
  authorization: string | undefined;
  contentType: string;
  certificate: string | undefined;
  body: Buffer;
}

/** What the server needs of the world. */
export interface MdmSurroundings {
  options(): MdmOptions;
  now(): Date;
  seed: number;
  /** Wakes a device as Apple's push service would; gives why that failed. */
  wake(id: string): string | undefined;
}

export class MdmServer {
  readonly store = new MdmStore();
  readonly messenger: Messenger;
  readonly #world: MdmSurroundings;
  readonly #random: Random;

  constructor(world: MdmSurroundings) {
    this.#world = world;
    this.#random = createRandom(world.seed + 11);
    this.messenger = new Messenger(() => world.options(), createRandom(world.seed + 12));
  }

  /** User of the API and what its paths begin with. */
  get access(): { userName: string; pathPrefix: string } {
    return this.#isHub
      ? { userName: 'nanohub', pathPrefix: '/api/v1/nanomdm' }
      : { userName: 'nanomdm', pathPrefix: '/v1' };
  }

  /** Answers a request of the API or of a device over HTTP. */
  serve(request: MdmRequest): ApiAnswer | DeviceReply {
    if (request.path === '/version') return { status: 200, body: { version: 'simulated' } };
    if (request.path === '/mdm')
      return this.answerDevice({ ...request, read: () => readPlist(request.body), raw: () => request.body });
    const { pathPrefix } = this.access;
    if (this.#world.options().apiKey === null || !request.path.startsWith(`${pathPrefix}/`)) return notFound;
    const verb = /^\/(enqueue|push|pushcert)(\/(.*))?$/s.exec(request.path.slice(pathPrefix.length));
    if (!verb || (verb[1] === 'pushcert') !== (verb[2] === undefined)) return notFound;
    if (!this.#mayEnter(request.authorization)) return this.#unauthorized();
    return this.#api(verb[1]!, idsOf(verb[3] ?? ''), request);
  }

  /** Answers a request of a device, over HTTP or not. */
  answerDevice(request: DeviceRequest): DeviceReply {
    const { storage, forgetsOnRepeat } = this.#world.options();
    return answerDevice(this.store, request, (heard) => this.#tell(heard), storage === 'kv' && forgetsOnRepeat);
  }

  /** Forgets everything. */
  clear(): void {
    this.store.clear();
    this.messenger.clear();
  }

  get #isHub(): boolean {
    return this.#world.options().flavor === 'nanohub';
  }

  #api(verb: string, ids: string[] | undefined, { method, query, body }: MdmRequest): ApiAnswer {
    const world = { options: this.#world.options(), store: this.store, wake: (id: string) => this.#world.wake(id) };
    if (verb === 'pushcert') return pushCertificate(world, method, query.get('topic'), body);
    return verb === 'push' ? push(world, ids) : enqueue(world, ids, body, Boolean(query.get('nopush')));
  }

  #tell(heard: Heard): void {
    const eventId = this.#isHub ? undefined : this.#random.bytes(8).toString('hex');
    this.messenger.send(() => webhookEvent(heard, this.#world.now(), eventId), describeEvent(heard));
  }

  #mayEnter(authorization: string | undefined): boolean {
    const { userName } = this.access;
    const wanted = Buffer.from(`${userName}:${this.#world.options().apiKey}`).toString('base64');
    return sameText(authorization?.replace(/^Basic /i, '') ?? '', wanted);
  }

  #unauthorized(): ApiAnswer {
    const headers = { 'www-authenticate': `Basic realm="${this.access.userName}"` };
    return { status: 401, body: 'Unauthorized\n', headers };
  }
}

const notFound: ApiAnswer = { status: 404, body: '404 page not found\n' };

/** Escaped commas split too; an empty path names nobody. */
function idsOf(path: string): string[] | undefined {
  return path === '' ? undefined : decodeURIComponent(path).split(',');
}
