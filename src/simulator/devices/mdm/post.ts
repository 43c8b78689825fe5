/** Posts events over connections that stay open, ten thousand of them in a few seconds; fetch takes several times as long. @module */
import http from 'node:http';
import https from 'node:https';

/** A message. */
export interface Letter {
  headers: Record<string, string>;
  body: string;
  timeoutMs: number;
}

/** Whoever carries them. */
export interface Postman {
  /** Gives the HTTP status; a redirect is not followed. Rejects when nobody answers in time. */
  post(url: string, letter: Letter): Promise<number>;
  /** Lets go of everything that is under way. */
  close(): void;
}

/** A postman with connections of its own. */
export function createPostman(): Postman {
  const plain = new http.Agent({ keepAlive: true });
  const secure = new https.Agent({ keepAlive: true });
  const open = new Set<http.ClientRequest>();
  let isClosed = false;

  const attempt = (url: string, { headers, body, timeoutMs }: Letter): Promise<number> =>
    new Promise((resolve, reject) => {
      const isSecure = url.startsWith('https:');
      const request = (isSecure ? https : http).request(url, {
        method: 'POST',
        headers: { ...headers, 'content-length': Buffer.byteLength(body) },
        agent: isSecure ? secure : plain,
      });
      open.add(request);
      const timer = setTimeout(() => request.destroy(new Error('no answer in time')), timeoutMs);
      request.once('close', () => {
        clearTimeout(timer);
        open.delete(request);
      });
      request.once('error', (error: NodeJS.ErrnoException) => {
        const wasStale = request.reusedSocket && error.code === 'ECONNRESET' && !isClosed;
        reject(wasStale ? new StaleConnectionError(error) : error);
      });
      request.once('response', (response) => {
        response.resume();
        response.once('close', () =>
          response.complete ? resolve(response.statusCode ?? 0) : reject(new Error('cut off')),
        );
      });
      request.end(body);
    });

  return {
    post: (url, letter) =>
      attempt(url, letter).catch((error: unknown) => {
        // The other side had closed the connection meanwhile, and has not seen the message.
        if (error instanceof StaleConnectionError) return attempt(url, letter);
        throw error;
      }),
    close: () => {
      isClosed = true;
      for (const request of open) request.destroy();
      plain.destroy();
      secure.destroy();
    },
  };
}

class StaleConnectionError extends Error {
  constructor(cause: Error) {
    super('the connection was closed', { cause });
  }
}
