/** A screen of a terminal as a page: lines with the sixteen colours that chalk writes. */
import { escaped } from '../site/render.js';

/** By the numbers of the escape sequences that our colours use. */
const STYLES: Readonly<Record<number, string>> = {
  1: 'font-weight:700',
  2: 'opacity:.55',
  30: 'color:#11151b',
  31: 'color:#ff7b85',
  32: 'color:#5fd39b',
  33: 'color:#efbb5c',
  34: 'color:#8db4ff',
  36: 'color:#70d6df',
  37: 'color:#f2f5f9',
  41: 'background:#b3263c',
  42: 'background:#3fae7a',
};
/** What ends a style, and those that it ends. */
const ENDS: Readonly<Record<number, readonly number[]>> = {
  22: [1, 2],
  39: [30, 31, 32, 33, 34, 36, 37],
  49: [41, 42],
};

function lineOf(text: string): string {
  const open = new Set<number>();
  return text
    .split(/(\x1b\[\d+m)/)
    .map((part) => {
      const code = Number(/^\x1b\[(\d+)m$/.exec(part)?.[1] ?? -1);
      if (code < 0) {
        const style = [...open].map((one) => STYLES[one] ?? '').join(';');
        return style === '' ? escaped(part) : `<span style="${style}">${escaped(part)}</span>`;
      }
      for (const ended of ENDS[code] ?? []) open.delete(ended);
      if (code in STYLES) open.add(code);
      return '';
    })
    .join('');
}

export function terminalPage(command: string, lines: readonly string[]): string {
  return `<!doctype html><meta charset="utf-8" /><style>
body { margin: 0; background: #11151b; color: #e6eaf1; padding: 22px; }
pre { margin: 0; font: 15px/1.44 ui-monospace, "DejaVu Sans Mono", "Liberation Mono", monospace; }
</style><pre><span style="opacity:.55">$</span> ${escaped(command)}\n${lines.map(lineOf).join('\n')}</pre>`;
}
