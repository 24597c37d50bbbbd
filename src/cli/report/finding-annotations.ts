/** The findings of a check as annotations, as many as the server shows. */
import type { Finding, Severity } from '../../check/finding.js';
import type { Output } from '../context.js';
import { annotate } from '../text/annotations.js';
import { plural } from '../text/units.js';
import { groupFindings, placeText } from './model.js';

/** GitHub shows so many annotations of one level a step. */
const SHOWN = 10;

/** One annotation for each kind of finding, worst first; there is room for ten of a level. */
export function annotateFindings(output: Output, findings: readonly Finding[]): void {
  const left: Record<Severity, number> = { error: SHOWN, warning: SHOWN, note: SHOWN };
  for (const { id, severity, findings: all } of groupFindings(findings)) {
    const [first] = all;
    if (first === undefined || left[severity] === 0) continue;
    left[severity] -= 1;
    const more = all.length === 1 ? '' : ` (and ${plural(all.length - 1, 'more finding')})`;
    annotate(output, severity, id, `${placeText(first)}: ${first.message}${more}`);
  }
}
