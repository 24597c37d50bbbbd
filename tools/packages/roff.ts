/** Text as roff, in the macros that man pages are written in. */

/** Text in which nothing acts: no macro, no escape, and no character beyond ASCII. */
export function roff(text: string): string {
  return text
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replaceAll('`', '\\(ga')
    .replaceAll("'", '\\(aq')
    .replaceAll('^', '\\(ha')
    .replaceAll('~', '\\(ti')
    .replace(/^(?=\.)/gm, '\\&')
    .replace(/[^\n -~]/gu, (char) => `\\[u${hex(char)}]`);
}

const LINE = 78;

/** A paragraph, whose line breaks the reader's width decides. */
export function filled(text: string): string {
  const lines: string[] = [];
  for (const word of text.split(/\s+/).map(roff)) {
    const last = lines.at(-1);
    if (last === undefined || last.length + word.length >= LINE) lines.push(word);
    else lines[lines.length - 1] = `${last} ${word.replace(/^\\&/, '')}`;
  }
  return lines.join('\n');
}

function hex(char: string): string {
  return (char.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0');
}

export function bold(text: string): string {
  return `\\fB${roff(text)}\\fR`;
}

/** `<value>` in italics instead of brackets, which is how man pages show what is to be replaced. */
export function syntax(text: string): string {
  return text
    .split(/(<[^<>]+>)/)
    .map((part) =>
      part.startsWith('<') ? `\\fI${roff(part.slice(1, -1))}\\fR` : part === '' ? '' : bold(part),
    )
    .join('');
}

export function section(name: string, ...lines: readonly string[]): string {
  return [`.SH "${name}"`, ...lines].join('\n');
}

/** A term and what it means. */
export function item(term: string, meaning: string): string {
  return `.TP\n${term}\n${filled(meaning)}`;
}

/** Lines that keep their breaks and blanks. */
export function verbatim(lines: readonly string[]): string {
  return ['.nf', '.RS 4', ...lines.map((line) => (line === '' ? '\\&' : roff(line))), '.RE', '.fi'].join(
    '\n',
  );
}
