/** Russet with a fault put in on purpose: its programs, bundled from a source with a small exact change. @module */
import { readFileSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Plugin } from 'esbuild';
import { bundle } from '../../support/bundle.ts';

/** One exact replacement in a file below `src/`. */
export interface Change {
  file: string;
  from: string;
  to: string;
}

/** A build of its own. */
export interface Build {
  /** Folder of the programs, as `dist/` is. */
  programs: string;
  remove(): void;
}

/** Makes the build. Throws when a text to replace is not there exactly once: then the source has moved on. */
export async function buildWith(changes: readonly Change[]): Promise<Build> {
  const root = await bundle({ from: 'src', plugins: [replacing(changed(changes))] });
  return { programs: join(root, 'dist'), remove: () => rmSync(root, { recursive: true, force: true }) };
}

/** The changed files, by their paths. Throws as {@link buildWith} does. */
export function changed(changes: readonly Change[]): Map<string, string> {
  const sources = new Map<string, string>();
  for (const { file, from, to } of changes) {
    const path = resolve('src', file);
    const parts = (sources.get(path) ?? readFileSync(path, 'utf8')).split(from);
    if (parts.length !== 2) throw new Error(`src/${file} has the text to replace ${parts.length - 1} times: ${from}`);
    sources.set(path, parts.join(to));
  }
  return sources;
}

function replacing(sources: Map<string, string>): Plugin {
  return {
    name: 'replacing',
    setup: (build) => {
      const left = new Set(sources.keys());
      build.onLoad({ filter: /\.ts$/ }, ({ path }) => {
        left.delete(path);
        const contents = sources.get(path);
        return contents === undefined ? null : { contents, loader: 'ts' };
      });
      build.onEnd(() => ({ errors: [...left].map((path) => ({ text: `no program is made of ${path}` })) }));
    },
  };
}
