/** What every resolver is given. @module */
import { type ScopedClient, scopedClient } from '../domain/access/scoped-client.ts';
import type { KeyActor } from '../domain/actor.ts';
import type { Context, Services } from '../domain/context.ts';
import { createLoaders, type Loaders } from './loaders.ts';
import type { Streams } from './ports.ts';

/** Who asks. Known before anything of the request is looked at. */
export interface SignedIn {
  actor: KeyActor;
  /** Ties the request to log lines, tasks and audit entries; sent back as `x-correlation-id`. */
  correlationId: string;
}

/** The context of one operation. */
export interface GraphQLContext extends SignedIn {
  /** Handed to verbs, the only way to write. Resolvers never read through it: it is not bound to an organization. */
  domain: Context;
  /** For reads: bound to the actor's organization. */
  db: ScopedClient;
  loaders: Loaders;
  streams: Streams;
  /** Russet's own version. */
  version: string;
}

/** What all operations of a process share. */
export interface Installation {
  services: Services;
  streams: Streams;
  version: string;
}

/** Makes the context of one operation. */
export function createContext({ services, streams, version }: Installation, signedIn: SignedIn): GraphQLContext {
  const { actor, correlationId } = signedIn;
  const db = scopedClient(services.prisma, actor.organizationId);
  const domain: Context = { ...services, logger: services.logger.child({ correlationId }), actor, correlationId };
  return { actor, correlationId, domain, db, streams, version, loaders: createLoaders(domain, db) };
}
