import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Ends the process with one clear line when this Node is older than package.json asks for. */
export function requireNode(root) {
  const wanted = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).engines.node.replace('>=', '');
  if (compare(process.versions.node, wanted) >= 0) return;
  console.error(`Russet needs Node ${wanted} or newer, and this is ${process.versions.node}. See https://nodejs.org.`);
  process.exit(1);
}

function compare(left, right) {
  const [a, b] = [left, right].map((version) => version.split('.').map(Number));
  const differing = a.findIndex((part, index) => part !== b[index]);
  return differing < 0 ? 0 : a[differing] - b[differing];
}
