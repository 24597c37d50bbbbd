/** The facts of a run that a report tells beside the result, or in its place. */
import type { Severity } from '../../check/finding.js';
import type { NydusError } from '../../errors.js';

export interface ReportRun {
  readonly milliseconds: number;
  /** The least severity that makes the run fail. */
  readonly failOn: Severity;
  readonly started: Date;
  /** Without secrets. */
  readonly commandLine: string;
}

/** The run of a report that is made without one. */
export const PLAIN_RUN: Pick<ReportRun, 'milliseconds' | 'failOn'> = { milliseconds: 0, failOn: 'error' };

/** A check that came to no verdict, such as one whose target cannot be read. */
export interface FailedCheck {
  readonly target: string;
  readonly source: string | undefined;
  readonly error: NydusError;
  /** The advice of the error, in words of the command. */
  readonly hint: string | undefined;
  readonly milliseconds: number;
  readonly started: Date;
  /** Without secrets. */
  readonly commandLine: string;
}
