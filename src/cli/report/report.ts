/** The reports that `check --report` writes, by name. */
import type { CheckResult } from '../../check/result.js';
import { htmlReport } from './html.js';
import { jsonReport } from './json.js';
import { junitReport } from './junit.js';
import { markdownReport } from './markdown.js';

export const REPORTS = {
  json: jsonReport,
  html: htmlReport,
  markdown: markdownReport,
  junit: junitReport,
} as const satisfies Readonly<Record<string, (result: CheckResult) => string>>;

export type ReportFormat = keyof typeof REPORTS;

export function isReportFormat(text: string): text is ReportFormat {
  return Object.hasOwn(REPORTS, text);
}
