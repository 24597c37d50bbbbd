/** The reports that `check --report` writes, by name: of a result, and of a check that came to none. */
import type { CheckResult } from '../../check/result.js';
import type { REPORT_FORMATS } from '../flags/check.js';
import { htmlOfFailure, htmlReport } from './html.js';
import { jsonOfFailure, jsonReport } from './json.js';
import { junitOfFailure, junitReport } from './junit.js';
import { markdownOfFailure, markdownReport } from './markdown.js';
import type { FailedCheck, ReportRun } from './report-run.js';

export type ReportFormat = (typeof REPORT_FORMATS)[number];

export const REPORTS: Readonly<Record<ReportFormat, (result: CheckResult, run?: ReportRun) => string>> = {
  json: jsonReport,
  html: htmlReport,
  markdown: markdownReport,
  junit: junitReport,
};

export const FAILURE_REPORTS: Readonly<Record<ReportFormat, (failure: FailedCheck) => string>> = {
  json: jsonOfFailure,
  html: htmlOfFailure,
  markdown: markdownOfFailure,
  junit: junitOfFailure,
};

export function isReportFormat(text: string): text is ReportFormat {
  return Object.hasOwn(REPORTS, text);
}
