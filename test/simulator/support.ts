/** One simulator per test, on a virtual clock, spoken to over real HTTP. @module */
import { onTestFinished } from 'vitest';
import { createVirtualClock, type VirtualClock } from '../../src/lib/clock.ts';
import { createSimulator, type OptionsPatch, type Simulator, type SimulatorParts } from '../../src/simulator/index.ts';

/** The first moment of every test. */
export const start = new Date('2026-11-24T08:00:00Z');

/** The fields that the tests read of answers. */
export interface Body {
  [field: string]: unknown;
  errorNumber?: number;
  eventId?: string;
  uId?: string;
  mdmInfo?: unknown;
  versionId?: string;
  currentPageIndex?: number;
  nextPageIndex?: number;
  size?: number;
  totalPages?: number;
  assets?: AssetRow[];
  unlimitedAssets?: AssetRow[];
  assignments?: AssignmentRow[];
  users?: { clientUserId: string; status: string }[];
  eventStatus?: string;
  numRequested?: number;
  numCompleted?: number;
  failures?: { errorNumber: number; errorInfo: Record<string, unknown[]> }[];
  results?: Record<string, Record<string, unknown>>;
}

export interface AssetRow {
  adamId: string;
  pricingParam: string;
  assignedCount: number;
  availableCount: number;
  retiredCount: number;
  totalCount: number;
  deviceAssignable: boolean;
  revocable: boolean;
  productType: string;
  supportedPlatforms: string[];
}

export interface AssignmentRow {
  adamId: string;
  pricingParam: string;
  serialNumber?: string;
  clientUserId?: string;
  idHash?: string;
  userStatus?: string;
}

export interface Reply {
  status: number;
  headers: Headers;
  text: string;
  body: Body;
}

/** How a request differs from an ordinary one. */
export interface Ask {
  method?: string;
  /** Token name; `own` unless said. */
  token?: string;
  /** Instead of a token: the whole Authorization header, or null for none. */
  authorization?: string | null;
  headers?: Record<string, string>;
  /** JSON body; makes it a POST. */
  json?: unknown;
  /** Body as it is. */
  raw?: string;
}

export interface Bench {
  simulator: Simulator;
  admin: Simulator['admin'];
  clock: VirtualClock;
  url: string;
  /** Asks the service at a path below `/mdm/v2`. */
  ask(path: string, how?: Ask): Promise<Reply>;
  /** Posts and gives the event's id. */
  post(path: string, json: unknown, token?: string): Promise<string>;
  /** Status of an event now. */
  status(eventId: string, token?: string): Promise<Body>;
  /** Every assignment through all pages. */
  sweep(query?: string): Promise<AssignmentRow[]>;
  /** The row of one asset. */
  asset(adamId: string, token?: string): Promise<AssetRow>;
}

/** Starts a simulator that ends with the test. The rate is not enforced unless the test says so. */
export async function bench(settings: OptionsPatch & SimulatorParts = {}): Promise<Bench> {
  const clock = createVirtualClock(start);
  const simulator = createSimulator({ clock, enforceRate: false, ...settings });
  const { url } = await simulator.listen();
  onTestFinished(() => simulator.close());
  const { admin } = simulator;

  async function ask(path: string, how: Ask = {}): Promise<Reply> {
    const headers: Record<string, string> = {};
    const bearer =
      how.authorization === undefined ? `Bearer ${admin.tokenFile(how.token ?? 'own')}` : how.authorization;
    if (bearer !== null) headers.authorization = bearer;
    const body = how.raw ?? (how.json === undefined ? undefined : JSON.stringify(how.json));
    if (body !== undefined) headers['content-type'] = 'application/json';
    const method = how.method ?? (body === undefined ? 'GET' : 'POST');
    const response = await fetch(`${url}/mdm/v2${path}`, { method, headers: { ...headers, ...how.headers }, body });
    const text = await response.text();
    return { status: response.status, headers: response.headers, text, body: parse(text) };
  }

  return {
    simulator,
    admin,
    clock,
    url,
    ask,
    post: async (path, json, token) => {
      const { body } = await ask(path, { json, ...(token ? { token } : {}) });
      if (!body.eventId) throw new Error(`no event: ${JSON.stringify(body)}`);
      return body.eventId;
    },
    status: async (eventId, token) => (await ask(`/status?eventId=${eventId}`, token ? { token } : {})).body,
    sweep: async (query = '') => {
      const rows: AssignmentRow[] = [];
      for (let page: number | undefined = 0; page !== undefined; ) {
        const { body } = await ask(`/assignments?pageIndex=${page}${query}`);
        rows.push(...(body.assignments ?? []));
        page = body.nextPageIndex;
      }
      return rows;
    },
    asset: async (adamId, token) => (await ask(`/assets?adamId=${adamId}`, token ? { token } : {})).body.assets![0]!,
  };
}

/** Made-up serial numbers. */
export function serials(count: number, stem = 'TEST'): string[] {
  return Array.from({ length: count }, (_, index) => `${stem}${String(index).padStart(5, '0')}`);
}

function parse(text: string): Body {
  try {
    return JSON.parse(text) as Body;
  } catch {
    return {};
  }
}
