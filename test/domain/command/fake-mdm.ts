/** An MDM server in the domain's words, with a queue for each device and misfortunes on demand. @module */
import type { DeviceRequest, Enqueued, MdmServer } from '../../../src/domain/mdm-ports.ts';

/** One call that came in. */
export interface EnqueueCall {
  uuid: string;
  request: DeviceRequest;
  ids: readonly string[];
}

/** The server of the tests. */
export interface FakeMdm extends MdmServer {
  calls: EnqueueCall[];
  pushes: string[][];
  /** What each device was given, each CommandUUID once. */
  queues: Map<string, Map<string, DeviceRequest>>;
  /** Called before each enqueue; what it throws or gives is the outcome. */
  before: (call: EnqueueCall) => undefined | Map<string, Enqueued>;
  /** Called after the server has it: what it throws, the caller hears. */
  after: (call: EnqueueCall) => void | Promise<void>;
}

export function createFakeMdm(): FakeMdm {
  const fake: FakeMdm = {
    calls: [],
    pushes: [],
    queues: new Map(),
    before: () => undefined,
    after: () => {},
    test: async () => ({ version: 'fake' }),
    push: async (_access, ids) => {
      fake.pushes.push([...ids]);
      return new Map(ids.map((id) => [id, null]));
    },
    enqueue: async (_access, { uuid, request }, ids) => {
      const call = { uuid, request, ids };
      fake.calls.push(call);
      const answer = fake.before(call);
      if (answer) return answer;
      for (const id of ids) {
        const queue = fake.queues.get(id) ?? new Map();
        fake.queues.set(id, queue.set(uuid, request));
      }
      await fake.after(call);
      return new Map(ids.map((id) => [id, { accepted: true, pushProblem: null, refusal: null }]));
    },
  };
  return fake;
}
