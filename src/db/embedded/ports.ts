/** Ports for the server: below the range from which systems hand out ports to outgoing connections. @module */
import { createServer } from 'node:net';

const lowest = 20_000;
const highest = 32_000;

/** Ports to try in order: the wanted one, then free ones by chance. */
export async function* portsToTry(wanted: number, tries: number): AsyncGenerator<number> {
  if (await isFree(wanted)) yield wanted;
  for (let left = tries; left > 0; left--) {
    const port = lowest + Math.floor(Math.random() * (highest - lowest));
    if (await isFree(port)) yield port;
  }
}

/** Whether one can listen at `port` of `host`. */
export function isFree(port: number, host = '127.0.0.1'): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, host, () => server.close(() => resolve(true)));
  });
}
