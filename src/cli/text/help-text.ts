/** The text behind the flags in a help: prose that is filled, and examples and columns that keep their lines. */

export interface HelpBlock {
  readonly kind: 'prose' | 'columns' | 'examples';
  readonly lines: readonly string[];
}

const EXAMPLES = 'Examples:';

/** Blank lines separate the blocks. The heading of the examples is not among their lines. */
export function helpBlocks(text: string): readonly HelpBlock[] {
  return text
    .trim()
    .split(/\n{2,}/)
    .map((block) => {
      const lines = block.split('\n');
      if (lines[0] === EXAMPLES) return { kind: 'examples', lines: lines.slice(1) };
      return { kind: lines.some((line) => /\S {2,}\S/.test(line)) ? 'columns' : 'prose', lines };
    });
}

/** Breaks prose for the width of the terminal. */
export function wrappedHelp(text: string, columns: number): string {
  const blocks = helpBlocks(text).map(({ kind, lines }) => {
    if (kind === 'examples') return [EXAMPLES, ...lines];
    return kind === 'columns' ? lines : wrapped(lines.join(' '), columns);
  });
  return `\n${blocks.map((lines) => lines.join('\n')).join('\n\n')}`;
}

function wrapped(text: string, columns: number): readonly string[] {
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const last = lines.at(-1);
    if (last === undefined || last.length + 1 + word.length > columns) lines.push(word);
    else lines[lines.length - 1] = `${last} ${word}`;
  }
  return lines;
}
