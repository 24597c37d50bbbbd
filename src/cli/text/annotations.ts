/**
 * Annotations, which GitHub Actions takes from the log. What comes from outside is made printable and then escaped in the server's
 * own way, so that no text can end its command.
 */
import type { Severity } from '../../check/finding.js';
import type { Output } from '../context.js';
import { printable, shortened } from './printable.js';

const LEVELS = { error: 'error', warning: 'warning', note: 'notice' } as const;

/** An annotation, which the server shows beside the job. */
export function annotate(output: Output, severity: Severity, title: string, message: string): void {
  output.write(`::${LEVELS[severity]} title=${property(title)}::${data(shortened(message))}\n`);
}

function data(text: string): string {
  return printable(text).replaceAll('%', '%25');
}

function property(text: string): string {
  return data(text).replaceAll(':', '%3A').replaceAll(',', '%2C');
}
