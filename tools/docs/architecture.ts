/** The section of docs/ARCHITECTURE.md that says who may import whom, from the table that the layering test enforces. */
import { heightOf, MODULES } from '../../test/support/layering.js';
import { markdownTable } from '../../test/support/markdown-table.js';

export function layeringSection(): string {
  const rows = MODULES.map(({ name, purpose, mayImport, packages }) => ({
    height: heightOf(name),
    cells: [
      code([name]),
      purpose,
      mayImport.length === 0 ? 'nothing of ours' : code(mayImport),
      code(packages),
    ],
  })).sort((a, b) => a.height - b.height);
  return markdownTable(
    ['layer', 'module', 'what it does', 'may import', 'packages'],
    rows.map(({ height, cells }) => [String(height), ...cells]),
  );
}

function code(names: readonly string[]): string {
  return names.map((name) => `\`${name}\``).join(', ');
}
