/** Prints the schema to schema/schema.graphql; with --check it only says whether that file is up to date. */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { lexicographicSortSchema, printSchema } from 'graphql';
import { buildSchema } from '../src/graphql/schema.ts';

const file = 'schema/schema.graphql';
const printed = `${printSchema(lexicographicSortSchema(buildSchema()))}\n`;

if (process.argv.includes('--check')) {
  const stored = await readFile(file, 'utf8').catch(() => '');
  if (stored !== printed) {
    const [before, after] = [stored.split('\n'), printed.split('\n')];
    const line = after.findIndex((text, index) => text !== before[index]);
    console.error(`${file} does not match the code, first in line ${line + 1}:`);
    console.error(`  file: ${before[line] ?? '(end of file)'}\n  code: ${after[line] ?? '(end of file)'}`);
    console.error(
      'Run "npm run schema:print" and commit the result; "git diff schema" then shows everything that changed.',
    );
    process.exitCode = 1;
  }
} else {
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, printed);
  console.log(`${file}: ${printed.split('\n').length} lines`);
}
