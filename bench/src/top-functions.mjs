/** `node bench/src/top-functions.mjs FILE.cpuprofile [N]`: where a process spent its time, by function and by package. @module */
import { readFileSync } from 'node:fs';

const [file, count = '25'] = process.argv.slice(2);
const { nodes, samples, timeDeltas } = JSON.parse(readFileSync(file, 'utf8'));
const byId = new Map(nodes.map((/** @type {any} */ node) => [node.id, node]));
/** @type {Map<string, number>} */
const functions = new Map();
/** @type {Map<string, number>} */
const packages = new Map();
let busy = 0;
for (const [index, id] of samples.entries()) {
  const { functionName, url, lineNumber } = byId.get(id).callFrame;
  if (['(idle)', '(program)'].includes(functionName)) continue;
  busy += timeDeltas[index];
  add(functions, `${functionName || '(anonymous)'}  ${place(url)}:${lineNumber + 1}`, timeDeltas[index]);
  add(packages, packageOf(url, functionName), timeDeltas[index]);
}
console.log(`${(busy / 1e6).toFixed(1)} s busy\n\nBy package`);
print(packages, 20);
console.log('\nBy function, self time');
print(functions, Number(count));
console.log('\nBy function of Russet, with all that it calls (up to the next await)');
print(inclusive(), Number(count));

/** A sample counts once for each function of ours on its stack. */
function inclusive() {
  const parents = new Map();
  for (const { id, children = [] } of nodes) for (const child of children) parents.set(child, id);
  /** @type {Map<string, number>} */
  const found = new Map();
  for (const [index, sample] of samples.entries()) {
    const seen = new Set();
    for (let id = sample; id !== undefined; id = parents.get(id)) {
      const { functionName, url, lineNumber } = byId.get(id).callFrame;
      if (url.includes('/dist/') && !url.includes('node_modules'))
        seen.add(`${functionName || '(anonymous)'}  ${place(url)}:${lineNumber + 1}`);
    }
    for (const key of seen) add(found, key, timeDeltas[index]);
  }
  return found;
}

/** @param {Map<string, number>} map @param {string} key @param {number} microseconds */
function add(map, key, microseconds) {
  map.set(key, (map.get(key) ?? 0) + microseconds);
}

/** @param {string} url */
function place(url) {
  return url.replace(/^.*\/node_modules\//, '').replace(/^.*\/dist\//, 'dist/');
}

/** @param {string} url @param {string} functionName */
function packageOf(url, functionName) {
  if (functionName === '(garbage collector)') return functionName;
  if (url.startsWith('node:') || url === '') return url === '' ? 'native' : 'node';
  const inside = /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(url.slice(url.lastIndexOf('node_modules')));
  return inside ? inside[1] : (/dist\/[^/]+/.exec(url)?.[0] ?? url);
}

/** @param {Map<string, number>} map @param {number} most */
function print(map, most) {
  const rows = [...map].sort((a, b) => b[1] - a[1]).slice(0, most);
  for (const [key, time] of rows) console.log(`${((time / busy) * 100).toFixed(1).padStart(5)} %  ${key}`);
}
