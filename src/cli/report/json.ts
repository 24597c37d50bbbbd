/** The result for programs: all of it, with paths as a person would read them. Fields are added, never renamed. */
import type { CheckResult } from '../../check/result.js';
import type { Finding } from '../../check/finding.js';
import { displayName, type RawPath } from '../../oci/raw-name.js';
import { printableJson } from '../text/printable.js';
import { errorJson } from './error-json.js';
import type { FailedCheck } from './report-run.js';

export function jsonReport(result: CheckResult): string {
  const json = {
    schemaVersion: 1,
    ...result,
    findings: result.findings.map(findingJson),
  };
  return `${printableJson(json, 2)}\n`;
}

function findingJson({ where, files, ...found }: Finding): object {
  return {
    ...found,
    where: { ...where, ...(where.path === undefined ? {} : { path: shown(where.path) }) },
    ...(files === undefined
      ? {}
      : {
          files: { ...files, first: files.first.map(({ path, offset }) => ({ path: shown(path), offset })) },
        }),
  };
}

function shown(path: RawPath): string {
  return `/${displayName(path)}`;
}

/** Members of a result that has none, so that a reader of results finds the verdict where it looks for it. */
export function jsonOfFailure({ target, source, error, hint }: FailedCheck): string {
  const json = {
    schemaVersion: 1,
    target,
    ...(source === undefined ? {} : { source }),
    verdict: 'unknown',
    error: errorJson(error, hint),
    platforms: [],
    findings: [],
  };
  return `${printableJson(json, 2)}\n`;
}
