/** The texts of the fenced blocks of one language in a Markdown page, in order. */
export function fencedBlocks(markdown: string, language: string): string[] {
  return [...markdown.matchAll(/^ *```(\S*)\n([\s\S]*?)^ *```$/gm)].flatMap(([, name, text = '']) =>
    name === language ? [text] : [],
  );
}
