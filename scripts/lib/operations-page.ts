/** What docs/operations.md tells an operator to do, so that a script can do it. @module */

/** A block of commands. */
export interface Step {
  /** Heading above it. */
  section: string;
  /** Its lines. */
  commands: string[];
}

/** The blocks marked `sh`, in order; one that stands in a list is indented. */
export function readSteps(page: string): Step[] {
  const parts = page.split(/^## /m).slice(1);
  return parts.flatMap((part) => {
    const section = part.split('\n', 1)[0]!;
    return [...part.matchAll(/^( *)```sh\n([\s\S]*?)^\1```$/gm)].map(([, indent = '', text = '']) => ({
      section,
      commands: text
        .trimEnd()
        .split('\n')
        .map((line) => line.slice(indent.length)),
    }));
  });
}

/** What the page's image takes from the build, relative to the project. */
export function shippedPaths(page: string): string[] {
  const copies = page.matchAll(/^COPY --from=build ((?:\/russet\/\S+ )+)\S+$/gm);
  return [...copies].flatMap(([, sources = '']) =>
    sources
      .trim()
      .split(' ')
      .map((path) => path.replace('/russet/', '')),
  );
}
