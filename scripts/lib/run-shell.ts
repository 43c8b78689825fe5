import { spawn } from 'node:child_process';

/** Runs commands in a shell that stops at the first failure; gives what they printed. Throws it when one failed. */
export function runShell(commands: string, folder: string, env: Record<string, string>): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn('sh', ['-e', '-c', commands], { cwd: folder, env, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', (text: string) => {
        output += text;
      });
    child.on('error', reject);
    child.on('close', (code) =>
      code === 0 ? resolve(output) : reject(new Error(`exit code ${code} of:\n${commands}\n\n${output}`)),
    );
  });
}
