/** Power failures as text for docs/reliability.md. */
import type { CutCell } from '../../test/support/faults/cut-matrix.js';
import { markdownTable } from '../../test/support/markdown-table.js';

/** `control`: the same with runs that synchronise nothing. */
export function powerReport(cells: readonly CutCell[], control: readonly CutCell[]): string {
  const verdicts = cells.flatMap((cell) => cell.verdicts);
  const skipped = new Set(cells.flatMap(({ disk, skipped }) => (skipped === undefined ? [] : [disk])));
  const controls = control.flatMap((cell) => cell.verdicts);
  return [
    `${verdicts.length} power failures, ${skipped.size === 0 ? 'none' : [...skipped].join(' and ')} skipped; ${brokenOf(verdicts)} broke a promise. ` +
      `As a control, ${controls.length} failures of runs that synchronise nothing: ${brokenOf(controls)} broke a promise.`,
    markdownTable(
      ['file system', 'conversion into', 'failures', 'different disks', 'tag', 'broken promises'],
      cells.map(powerRow),
    ),
  ].join('\n\n');
}

export function powerRow({ disk, scenario, skipped, verdicts, different }: CutCell): readonly string[] {
  if (skipped !== undefined) return [disk, scenario, `skipped: ${skipped}`, '', '', ''];
  const tags = ['nothing', 'the older image', 'the image'].flatMap((tag) => {
    const count = verdicts.filter((verdict) => verdict.tag === tag).length;
    return count === 0 ? [] : [`${tag} ${count}`];
  });
  return [
    disk,
    scenario,
    String(verdicts.length),
    String(different),
    tags.join(', '),
    String(brokenOf(verdicts)),
  ];
}

function brokenOf(verdicts: CutCell['verdicts']): number {
  return verdicts.filter(({ faults }) => faults.length > 0).length;
}
