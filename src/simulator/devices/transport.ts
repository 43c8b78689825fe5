/** How devices reach their MDM server: inside this process, or over HTTP with a certificate in a header. @module */
import { type PlistDict, readPlist, writePlist } from '../../lib/plist.ts';
import type { MdmServer } from './mdm/server.ts';

/** What a device sends. */
export interface Parcel {
  serialNumber: string;
  udid: string;
  message: PlistDict;
  isCheckIn: boolean;
}

/** Hands something to the server; rejects when nobody is there. */
export type Transport = (parcel: Parcel) => Promise<{ status: number; command: PlistDict | undefined }>;

/** The content type of a message. */
function contentType({ isCheckIn }: Parcel): string {
  return isCheckIn ? 'application/x-apple-aspen-mdm-checkin' : 'application/x-apple-aspen-mdm; charset=utf-8';
}

/** To the server of this simulator, without a socket. */
export function inProcess(server: MdmServer): Transport {
  const query = new URLSearchParams();
  return async (parcel) => {
    const certificate = `:${Buffer.from(parcel.udid).toString('base64')}:`;
    const { message } = parcel;
    const raw = () => Buffer.from(writePlist(message));
    const { status, command } = server.answerDevice({
      contentType: contentType(parcel),
      certificate,
      query,
      read: () => message,
      raw,
    });
    return { status, command };
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
      body: writePlist(parcel.message),
    });
    const body = new Uint8Array(await response.arrayBuffer());
    return { status: response.status, command: response.ok && body.length > 0 ? readPlist(body) : undefined };
  };
}
