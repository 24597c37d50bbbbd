/** A Markdown table as our pages have them. With `numbers`, all columns but the first are aligned to the right. */
export function markdownTable(
  head: readonly string[],
  rows: readonly (readonly string[])[],
  columns: 'text' | 'numbers' = 'text',
): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  const rule = head.map((_, index) => (columns === 'numbers' && index > 0 ? '-:' : '-'));
  return [line(head), line(rule), ...rows.map(line)].join('\n');
}
