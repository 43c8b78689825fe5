/** The door before GraphQL: who asks, and whether the request is one of the kind that is served. @module */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { GraphQLEngine } from '../graphql/yoga.ts';
import { bearerKey, type SignIn, signInNeeded } from './authenticate.ts';
import type { OpenStreams } from './open-streams.ts';
import { respondError } from './respond.ts';

/** Serves operations by POST of application/json, answers by JSON or as server-sent events. */
export async function handleGraphQL(
  { signIn, engine, streams }: { signIn: SignIn; engine: GraphQLEngine; streams: OpenStreams },
  request: IncomingMessage,
  response: ServerResponse,
  correlationId: string,
): Promise<void> {
  const key = bearerKey(request.headers.authorization);
  const actor = await signIn(key);
  if (!actor) return respondError(response, 401, 'UNAUTHENTICATED', signInNeeded, { 'www-authenticate': 'Bearer' });
  if (request.method !== 'POST') {
    return respondError(response, 405, 'METHOD_NOT_ALLOWED', 'Send operations by POST.', { allow: 'POST' });
  }
  if (!/^application\/json\s*(;|$)/i.test(request.headers['content-type'] ?? '')) {
    return respondError(
      response,
      415,
      'UNSUPPORTED_MEDIA_TYPE',
      'Send operations as application/json. Nothing was done.',
    );
  }
  if (/\btext\/event-stream\b/i.test(request.headers.accept ?? '')) streams.add(response, () => signIn(key));
  await engine(request, response, { actor, correlationId });
}
