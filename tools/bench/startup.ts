/** How long the command takes to start: what it takes longer than Node itself. */
import { markdownTable } from '../../test/support/markdown-table.js';
import { costOf, median } from './run.js';
import { productCommand } from '../../test/support/project.js';

const RUNS = 15;
const product = productCommand;

const COMMANDS: readonly (readonly [name: string, args: readonly string[], promised: string])[] = [
  ['node -e 0', ['-e', '0'], '–'],
  ['nydusify --version', [product, '--version'], '60'],
  ['nydusify --help', [product, '--help'], '80'],
  ['nydusify convert --help', [product, 'convert', '--help'], '–'],
];

/** Medians, the commands in turn; Markdown. */
export async function measureStartup(): Promise<string> {
  const walls = COMMANDS.map((): number[] => []);
  for (let run = 0; run < RUNS; run++) {
    for (const [at, [, args]] of COMMANDS.entries()) {
      walls[at]?.push((await costOf(process.execPath, args)).wall * 1000);
    }
  }
  const [bare = 0] = walls.map(median);
  const rows = COMMANDS.map(([name, , promised], at) => {
    const wall = median(walls[at] ?? []);
    return [`\`${name}\``, wall.toFixed(0), at === 0 ? '–' : (wall - bare).toFixed(0), promised];
  });
  return [
    `Start-up, milliseconds, medians of ${RUNS} (under GNU time, which adds the same to each):`,
    markdownTable(['command', 'wall', 'more than Node', 'at most'], rows, 'numbers'),
  ].join('\n\n');
}
