/**
 * Keeps the rooms of `src` apart: prints every import that the table does not allow, and every circle. Exit code 1 when
 * there is one. Usage: npm run imports:check [-- <root>]
 * @module
 */
import { findCircles, readImportGraph } from './lib/import-graph.ts';
import { isAllowed, mayImport, roomOf } from './lib/rooms.ts';

const graph = readImportGraph(process.argv[2] ?? '.');
const own = [...graph].filter(([file]) => !file.startsWith('src/generated/'));

const homeless = own.filter(([file]) => !roomOf(file)).map(([file]) => `${file} stands in no room`);
const forbidden = own.flatMap(([file, imported]) =>
  imported.filter((other) => roomOf(file) && !isAllowed(file, other)).map((other) => explain(file, other)),
);
const circles = findCircles(new Map(own)).map((circle) => `a circle: ${circle.join(' → ')}`);
const problems = [...homeless, ...forbidden, ...circles];

if (problems.length > 0) {
  console.error(`${problems.length} imports break the table in scripts/lib/rooms.ts:\n`);
  for (const problem of problems) console.error(`  ${problem}`);
  process.exitCode = 1;
} else {
  console.log(`${own.length} files keep to their rooms, without a circle.`);
}

function explain(file: string, other: string): string {
  const [from, into] = [roomOf(file), roomOf(other)];
  if (!from || !into) return `${file} → ${other}: that file stands in no room`;
  const allowed = mayImport[from].join(', ') || 'nothing of ours';
  return `${file} → ${other}: ${from} may not import ${into} (only: ${allowed})`;
}
