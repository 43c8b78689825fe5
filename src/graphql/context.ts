/** What every resolver is given. @module */
import { preparedRows, type Rows } from '../db/rows.ts';
import { type ScopedClient, scopedClient } from '../domain/access/scoped-client.ts';
import { scopedRows } from '../domain/access/scoped-rows.ts';
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
  /** For reads by statements of our own, bound the same way. */
  rows: Rows;
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

/** The parts of a context that are made when somebody asks for them: most operations need one or two. */
class OperationContext implements GraphQLContext {
  readonly actor: KeyActor;
  readonly correlationId: string;
  readonly streams: Streams;
  readonly version: string;
  readonly #services: Services;
  #domain?: Context;
  #db?: ScopedClient;
  #rows?: Rows;
  #loaders?: Loaders;

  constructor({ services, streams, version }: Installation, { actor, correlationId }: SignedIn) {
    this.#services = services;
    this.actor = actor;
    this.correlationId = correlationId;
    this.streams = streams;
    this.version = version;
  }

  get domain(): Context {
    const { actor, correlationId } = this;
    this.#domain ??= { ...this.#services, actor, correlationId };
    return this.#domain;
  }

  get db(): ScopedClient {
    this.#db ??= scopedClient(this.#services.prisma, this.actor.organizationId);
    return this.#db;
  }

  get rows(): Rows {
    this.#rows ??= scopedRows(preparedRows(this.#services.pool), this.actor.organizationId);
    return this.#rows;
  }

  get loaders(): Loaders {
    this.#loaders ??= createLoaders(
      this.rows,
      () => this.db,
      () => this.#services,
      this.actor.organizationId,
    );
    return this.#loaders;
  }
}

/** Makes the context of one operation. */
export function createContext(installation: Installation, signedIn: SignedIn): GraphQLContext {
  return new OperationContext(installation, signedIn);
}
