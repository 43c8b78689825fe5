/** Fields of a connection, as people give them. @module */
import { z } from 'zod';
import { isCredentialHost } from '../../lib/credential-address.ts';
import { InvalidInputError } from '../errors.ts';

/** What people call the connection. */
export const name = z.string().trim().min(1, 'must not be empty').max(100);

/** Where the server is: http or https, no credentials, no query. Kept without a slash at its end. */
export const baseUrl = z
  .string()
  .trim()
  .max(500)
  .transform((text, context) => {
    const url = URL.canParse(text) ? new URL(text) : undefined;
    const problem = problemOf(url);
    if (problem || !url) {
      context.addIssue({ code: 'custom', message: problem ?? 'is no address' });
      return z.NEVER;
    }
    return `${url.origin}${url.pathname}`.replace(/\/+$/, '');
  });

function problemOf(url: URL | undefined): string | null {
  if (!url || !['http:', 'https:'].includes(url.protocol)) return 'must be an address like https://mdm.example.org';
  if (url.username || url.password) return 'must hold no user name and password: they have fields of their own';
  if (url.search || url.hash) return 'must end with its path: no query, no fragment';
  if (isCredentialHost(url.hostname)) return 'is an address at which no MDM server is';
  return null;
}

/** What comes before `enqueue`, with a slash at both ends. */
export const pathPrefix = z
  .string()
  .trim()
  .max(200)
  .regex(/^[\w./~-]*$/, 'may hold letters, digits, slashes and -._~ only')
  .refine((path) => !path.split('/').some((part) => part === '.' || part === '..'), 'must hold no . and .. parts')
  .transform((path) => `/${path}/`.replace(/\/+/g, '/'));

/** User of the API; HTTP's Basic scheme parts it from the key by a colon. */
export const userName = z
  .string()
  .trim()
  .min(1, 'must not be empty')
  .max(200)
  .regex(/^[^:\p{Cc}]*$/u, 'must hold no colon');

/** A secret. Never part of a message. */
export const secret = z
  .string()
  .min(1, 'must not be empty')
  .max(1_000)
  .regex(/^[^\p{Cc}]*$/u, 'must be one line');

/** NanoHUB has the same API under another path and user. */
export const servers = {
  NANOMDM: { pathPrefix: '/v1/', userName: 'nanomdm' },
  NANOHUB: { pathPrefix: '/api/v1/nanomdm/', userName: 'nanohub' },
} as const;

/** Fields that only a server has that Russet calls. */
const calledFields = ['server', 'baseUrl', 'pathPrefix', 'userName', 'apiKey', 'hmacKey', 'push', 'newWebhook'];

/** Says of each field that has no use for a server that asks Russet that it has none: dropped silently, it would seem to be set. */
export function requireUse(kind: 'NANOMDM' | 'GRAPHQL', input: object): void {
  if (kind !== 'GRAPHQL') return;
  const given = new Set(Object.entries(input).flatMap(([key, value]) => (value === undefined ? [] : key)));
  const issues = calledFields
    .filter((field) => given.has(field))
    .map((field) => ({
      path: [field],
      message: 'is for NANOMDM only: a server of kind GRAPHQL asks Russet by itself',
    }));
  if (issues.length > 0) throw new InvalidInputError(issues);
}
