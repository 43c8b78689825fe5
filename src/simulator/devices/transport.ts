/** How devices reach their MDM server: inside this process, or over HTTP with a certificate in a header. @module */
import type { MdmServer } from './mdm/server.ts';

/** What a device sends. */
export interface Parcel {
  serialNumber: string;
  udid: string;
  body: string;
  isCheckIn: boolean;
}

/** Hands something to the server; rejects when nobody is there. */
export type Transport = (parcel: Parcel) => Promise<{ status: number; body: Uint8Array }>;

/** The content type of a message. */
function contentType({ isCheckIn }: Parcel): string {
  return isCheckIn ? 'application/x-apple-aspen-mdm-checkin' : 'application/x-apple-aspen-mdm; charset=utf-8';
}

/** To the server of this simulator, without a socket. */
export function inProcess(server: MdmServer): Transport {
  const query = new URLSearchParams();
  return async (parcel) => {
    const certificate = `:${Buffer.from(parcel.udid).toString('base64')}:`;
    const body = Buffer.from(parcel.body);
    const reply = server.answerDevice({ contentType: contentType(parcel), certificate, query, body });
    return { status: reply.status, body: typeof reply.body === 'string' ? Buffer.from(reply.body) : reply.body };
  };
}

/** To any server with the protocol, e.g. a NanoMDM with `-cert-header`. */
export function overHttp(
  doorUrl: string,
  certificateHeader: string,
  certificateOf: (serialNumber: string) => string,
): Transport {
  return async (parcel) => {
    const response = await fetch(doorUrl, {
      method: 'PUT',
      headers: { 'content-type': contentType(parcel), [certificateHeader]: certificateOf(parcel.serialNumber) },
      body: parcel.body,
    });
    return { status: response.status, body: new Uint8Array(await response.arrayBuffer()) };
  };
}
