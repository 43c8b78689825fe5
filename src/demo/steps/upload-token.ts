import { readFile } from 'node:fs/promises';
import { UploadTokenDocument } from '../../generated/operations/graphql.ts';
import { granted } from '../client.ts';
import { now } from '../clock.ts';
import { DemoFailure } from '../failure.ts';
import { done, type Run, remark } from '../step.ts';
import { tame } from '../terminal/text.ts';

/** Uploads the token file. Again is a renewal in place, so this works any number of times. Gives the token's id. */
export async function uploadToken({ client, options, screen, report }: Run): Promise<string> {
  const file = await readToken(options.tokenFile);
  const began = now();
  const { uploadToken: result } = await client.ask(UploadTokenDocument, {
    input: { file, email: 'apps@school.example' },
  });
  const { token, renewed, changed, warnings } = granted(result);
  const { id, label, state, daysLeft, region, accountType } = token;
  report.token = { id, label, renewed, changed, state, daysLeft };
  const kind = accountType === 'EDUCATION' ? 'Apple School Manager' : 'Apple Business';
  done(screen, `${tame(label)} · ${kind} · ${region} · ${state.toLowerCase()}, ${daysLeft} days left`, now() - began);
  if (renewed) remark(screen, whatRenewed(changed));
  for (const warning of warnings) remark(screen, tame(warning));
  return id;
}

function whatRenewed(changed: boolean): string {
  return changed
    ? 'Its library was known: the new file took the place of the old one, and everything else stayed.'
    : 'The same file as before: nothing changed, and nothing is counted twice.';
}

async function readToken(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    throw new DemoFailure('TOKEN_FILE', `The token file can't be read: ${(error as Error).message}`, [
      'npm start writes the sandbox tokens anew; or give another one with --token-file.',
    ]);
  }
}
