/**
 * Fails when package-lock.json leaves out an optional package that another package names. npm does so without a word
 * when a registry lacks the binary of some platform, and `npm ci` then fails on every machine.
 *
 * Usage: node scripts/check-lock.cjs [package-lock.json]
 */
const { readFileSync } = require('node:fs');

const file = process.argv[2] ?? 'package-lock.json';
const { packages } = JSON.parse(readFileSync(file, 'utf8'));
const missing = Object.entries(packages).flatMap(([path, entry]) => missingFrom(path, entry));

if (missing.length > 0) {
  console.error(`${file} lacks ${missing.length} optional packages:`);
  for (const line of missing) console.error(`  ${line}`);
  console.error('Choose a version of the package whose binaries are all published, and write the lock again.');
  process.exitCode = 1;
} else {
  console.log(`${file} is complete.`);
}

function missingFrom(path, { optionalDependencies = {} }) {
  return Object.entries(optionalDependencies)
    .filter(([name]) => !isResolvable(path, name))
    .map(([name, version]) => `${name}@${version}, named by ${path || 'package.json'}`);
}

/** Looks where Node would: in the package itself, then in each folder around it. */
function isResolvable(path, name) {
  for (let around = path; ; around = around.slice(0, Math.max(0, around.lastIndexOf('node_modules/') - 1))) {
    if (packages[`${around ? `${around}/` : ''}node_modules/${name}`]) return true;
    if (around === '') return false;
  }
}
