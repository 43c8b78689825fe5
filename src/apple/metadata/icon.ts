/** Addresses of icons: Apple's artwork comes as a template or as images of fixed sizes (fact sheet §16B). @module */

/**
 * A template with `{w}`, `{h}` and `{f}` from an address of artwork; the size in the name of a sized image becomes
 * free. An address of another form stays as it is. Null when it is not http(s).
 */
export function toIconTemplate(address: string): string | null {
  if (!/^https?:\/\//.test(address)) return null;
  return address.replace(/\/\d+x\d+([a-z]{0,4})\.(?:png|jpe?g|webp)$/, '/{w}x{h}$1.{f}');
}

/** The address of a square PNG with `size` pixels a side. */
export function iconUrl(template: string, size: number): string {
  const values: Record<string, string> = { w: String(size), h: String(size), f: 'png', c: 'bb' };
  return template.replace(/\{([whfc])\}/g, (whole, name: string) => values[name] ?? whole);
}
