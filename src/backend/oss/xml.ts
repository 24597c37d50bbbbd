/** Reads the answers of OSS: elements without attributes, at most two deep, of which none is inside one of its own name. */

/** The contents of all elements of this name. */
export function elements(xml: string, name: string): readonly string[] {
  return Array.from(
    xml.matchAll(new RegExp(`<${name}>([^]*?)</${name}>`, 'g')),
    ([, content = '']) => content,
  );
}

const ENTITIES: Readonly<Record<string, string>> = { lt: '<', gt: '>', amp: '&', quot: '"', apos: "'" };

/** The text of the first element of this name; undefined when there is none. */
export function elementText(xml: string, name: string): string | undefined {
  const [first] = elements(xml, name);
  return first?.replace(
    /&(?:#x([0-9a-fA-F]+)|#([0-9]+)|([a-z]+));/g,
    (all, hex?: string, digits?: string, word?: string) => {
      if (word !== undefined) return ENTITIES[word] ?? all;
      const code = hex === undefined ? Number(digits) : parseInt(hex, 16);
      return code <= 0x10ffff ? String.fromCodePoint(code) : all;
    },
  );
}

/** An element with text, as requests have it. */
export function element(name: string, text: string | number): string {
  const escaped = String(text).replace(
    /[<>&]/g,
    (letter) => ({ '<': '&lt;', '>': '&gt;' })[letter] ?? '&amp;',
  );
  return `<${name}>${escaped}</${name}>`;
}
