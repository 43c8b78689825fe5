/** How the simulated MDM server behaves. @module */

/** Its options; all of them can change while it runs. */
export interface MdmOptions {
  /** NanoMDM: paths below `/v1`, user `nanomdm`. NanoHUB: below `/api/v1/nanomdm`, user `nanohub`, events without an id. */
  flavor: 'nanomdm' | 'nanohub';
  /** Password of the API; null for a server that has no API at all. */
  apiKey: string | null;
  /** Ids that never enrolled: key-value storage queues for them, an SQL one refuses the whole call. */
  storage: 'kv' | 'sql';
  /** With `kv` storage: an answer that is there already empties the queue of its device, as NanoMDM v0.9.0 does. */
  forgetsOnRepeat: boolean;
  /** Header that carries a device's certificate (RFC 9440 or escaped PEM), as a proxy in front would set it. */
  certificateHeader: string;
  /** Whether there is a push certificate: for every topic, for those put by `pushcert`, or one that Apple refuses. */
  pushCertificate: 'stored' | 'missing' | 'refused';
  /** Where events go; null for nowhere. */
  webhookUrl: string | null;
  /** Signs events; null for no signature. */
  webhookHmacKey: string | null;
  /** Events under way at once; a real server knows no bound. */
  webhookConcurrency: number;
  /** How long an answer is waited for, in real time. */
  webhookTimeoutMs: number;
  /** Chance, from 0 to 1, that an event is never sent; the seed decides. */
  webhookDrop: number;
  /** Chance that an event is sent twice. */
  webhookDuplicate: number;
  /** Chance that an event is overtaken by the next ones. */
  webhookReorder: number;
}

/** What holds until somebody says otherwise. */
export const defaultMdmOptions: MdmOptions = {
  flavor: 'nanomdm',
  apiKey: 'simulated-mdm-api-key',
  storage: 'kv',
  forgetsOnRepeat: false,
  certificateHeader: 'x-device-certificate',
  pushCertificate: 'stored',
  webhookUrl: null,
  webhookHmacKey: null,
  webhookConcurrency: 32,
  webhookTimeoutMs: 10_000,
  webhookDrop: 0,
  webhookDuplicate: 0,
  webhookReorder: 0,
};
