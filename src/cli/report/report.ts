/** The reports that `check --report` writes, by name. */
import type { CheckResult } from '../../check/result.js';
import type { REPORT_FORMATS } from '../flags/check.js';
import { htmlReport } from './html.js';
import { jsonReport } from './json.js';
import { junitReport } from './junit.js';
import { markdownReport } from './markdown.js';

export type ReportFormat = (typeof REPORT_FORMATS)[number];

export const REPORTS = {
  json: jsonReport,
  html: htmlReport,
  markdown: markdownReport,
  junit: junitReport,
} as const satisfies Readonly<Record<ReportFormat, (result: CheckResult) => string>>;

export function isReportFormat(text: string): text is ReportFormat {
  return Object.hasOwn(REPORTS, text);
}
