/** Where the API of a server is. @module */
import type { MdmAccess } from '../../domain/mdm-ports.ts';

/** An address of the API. Slashes between its parts don't matter. */
export function addressOf({ baseUrl, pathPrefix }: MdmAccess, path: string): URL {
  const prefix = pathPrefix.replace(/^\/+|\/+$/g, '');
  return new URL(`${baseUrl.replace(/\/+$/, '')}/${prefix === '' ? '' : `${prefix}/`}${path}`);
}
