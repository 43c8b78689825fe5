/** The HTTP side of the MDM server: from a request of the simulator's door to its answer. @module */
import type { IncomingHttpHeaders } from 'node:http';
import { type MdmServer, mdmRoot } from './server.ts';

/** A request whose body has been read. */
export interface PlainRequest {
  method: string;
  url: URL;
  headers: IncomingHttpHeaders;
  bytes: Buffer;
}

/** What goes back. */
export interface PlainReply {
  status: number;
  bytes: Buffer;
  headers: Record<string, string>;
}

/** Whether a path belongs to the MDM server. */
export function isMdmPath(path: string): boolean {
  return path.startsWith(`${mdmRoot}/`);
}

/** Answers a request below its root. */
export function serveMdm(server: MdmServer, certificateHeader: string, request: PlainRequest): PlainReply {
  const { method, url, headers, bytes } = request;
  const { body, ...reply } = server.serve({
    method,
    path: url.pathname.slice(mdmRoot.length),
    query: url.searchParams,
    authorization: headers.authorization,
    contentType: headers['content-type'] ?? '',
    certificate: textOf(headers[certificateHeader.toLowerCase()]),
    body: bytes,
  });
  const extra = 'headers' in reply ? reply.headers : {};
  const isText = typeof body === 'string' || Buffer.isBuffer(body);
  const type = Buffer.isBuffer(body)
    ? 'text/xml; charset=utf-8'
    : isText
      ? 'text/plain; charset=utf-8'
      : 'application/json';
  const sent = isText ? Buffer.from(body) : Buffer.from(`${JSON.stringify(body, null, '\t')}\n`);
  return { status: reply.status, bytes: sent, headers: { 'content-type': type, ...extra } };
}

function textOf(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value[0] : value;
}
