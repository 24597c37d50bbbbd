/** The result for programs: all of it, with paths as a person would read them. Fields are added, never renamed. */
import type { CheckResult } from '../../check/result.js';
import { displayName } from '../../oci/raw-name.js';
import { printableJson } from '../text/printable.js';

export function jsonReport(result: CheckResult): string {
  const json = {
    ...result,
    findings: result.findings.map((found) => ({
      ...found,
      where: {
        ...found.where,
        ...(found.where.path === undefined ? {} : { path: `/${displayName(found.where.path)}` }),
      },
    })),
  };
  return `${printableJson(json, 2)}\n`;
}
