import { renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** How programs on this machine reach the running sandbox. */
export interface SandboxFile {
  graphqlUrl: string;
  apiKey: string;
  /** A content token of the simulator, to upload. */
  tokenFile: string;
  simulatorUrl: string;
}

/** Writes `sandbox.json`, readable for its owner alone, and returns its path. */
export function writeSandboxFile(dataDirectory: string, content: SandboxFile): string {
  const path = join(dataDirectory, 'sandbox.json');
  const draft = `${path}.new`;
  rmSync(draft, { force: true });
  writeFileSync(draft, `${JSON.stringify(content, null, 2)}\n`, { mode: 0o600 });
  renameSync(draft, path);
  return path;
}
