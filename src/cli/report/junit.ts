/**
 * A report that CI servers show as tests: a suite for each platform, a test for each area that was looked at, and one for each
 * kind of finding. Errors are failures; warnings and notes pass, and say what they are in `system-out`.
 */
import type { CheckResult } from '../../check/result.js';
import type { Finding } from '../../check/finding.js';
import { printable } from '../text/printable.js';
import { groupFindings, limitsText, placeText, type FindingGroup } from './model.js';

interface Suite {
  readonly name: string;
  readonly findings: readonly Finding[];
}

/** By the first word of an id: what the tests are called that pass. */
const AREAS: Readonly<Record<string, string>> = {
  INDEX: 'index',
  DETECT: 'detection by nydus-snapshotter',
  MANIFEST: 'manifest',
  CONFIG: 'config',
  CONTENT: 'content is there, and as promised',
  BOOTSTRAP: 'bootstrap layer',
  RAFS: 'bootstrap',
  BLOB: 'blobs',
  CHUNK: 'chunks',
  FS: 'filesystem against the source',
};

export function junitReport(result: CheckResult): string {
  const suites = suitesOf(result).map((suite) => ({ suite, cases: casesOf(suite, result) }));
  const tests = suites.reduce((sum, { cases }) => sum + cases.length, 0);
  const failures = suites.reduce((sum, { cases }) => sum + failing(cases), 0);
  const lines = suites.flatMap(({ suite, cases }) => [
    `  <testsuite name="${xml(suite.name)}" tests="${cases.length}" failures="${failing(cases)}" errors="0" skipped="0" time="0">`,
    '    <properties>',
    ...properties(result).map(
      ([name, value]) => `      <property name="${xml(name)}" value="${xml(value)}"/>`,
    ),
    '    </properties>',
    ...cases.map(({ text }) => text),
    '  </testsuite>',
  ]);
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites name="nydusify check" tests="${tests}" failures="${failures}" errors="0" time="0">`,
    ...lines,
    '</testsuites>',
    '',
  ].join('\n');
}

function properties(result: CheckResult): readonly (readonly [string, string])[] {
  const limits = limitsText(result);
  return [
    ['target', result.target],
    ['digest', result.root.digest],
    ...(result.source === undefined ? [] : [['source', result.source] as const]),
    ...(limits === undefined ? [] : [['limits', limits] as const]),
  ];
}

function suitesOf({ target, platforms, findings }: CheckResult): readonly Suite[] {
  const names = new Set(platforms.map(({ platform }) => platform));
  for (const { where } of findings) if (where.platform !== undefined) names.add(where.platform);
  const whole = findings.filter(({ where }) => where.platform === undefined);
  return [
    { name: target, findings: whole },
    ...[...names].map((name) => ({
      name,
      findings: findings.filter(({ where }) => where.platform === name),
    })),
  ];
}

interface Case {
  readonly failed: boolean;
  readonly text: string;
}

function casesOf(suite: Suite, result: CheckResult): readonly Case[] {
  const groups = groupFindings(suite.findings);
  const broken = new Set(groups.map(({ id }) => id.split('-')[0]));
  const classname = `nydusify.check.${suite.name.replace(/[^A-Za-z0-9]+/g, '_')}`;
  const passed = Object.entries(AREAS)
    .filter(([area]) => !broken.has(area) && wasLookedAt(area, suite, result))
    .map(([, name]) => ({
      failed: false,
      text: `    <testcase name="${xml(name)}" classname="${xml(classname)}" time="0"/>`,
    }));
  return [...groups.map((group) => caseOf(group, classname)), ...passed];
}

function wasLookedAt(area: string, { name }: Suite, { target, platforms }: CheckResult): boolean {
  if (name === target) return area === 'INDEX';
  const image = platforms.find(({ platform }) => platform === name);
  if (area === 'FS') return image?.compared === true;
  return area !== 'INDEX' && (area !== 'DETECT' || image?.oci !== undefined);
}

function caseOf({ id, severity, meaning, findings }: FindingGroup, classname: string): Case {
  const failed = severity === 'error';
  const body = findings.map((found) => xml(sentence(found))).join('\n');
  const [tag, message] = failed
    ? ['failure', ` message="${xml(meaning ?? id)}" type="${xml(id)}"`]
    : ['system-out', ''];
  return {
    failed,
    text: [
      `    <testcase name="${xml(id)}" classname="${xml(classname)}" time="0">`,
      `      <${tag}${message}>${body}</${tag}>`,
      '    </testcase>',
    ].join('\n'),
  };
}

function sentence(found: Finding): string {
  const sums = [
    found.expected === undefined ? '' : `, expected ${found.expected}`,
    found.found === undefined ? '' : `, found ${found.found}`,
  ].join('');
  const hint = found.hint === undefined ? '' : `; hint: ${found.hint}`;
  return `${found.severity}: ${placeText(found)}: ${found.message}${sums}${hint}`;
}

function failing(cases: readonly Case[]): number {
  return cases.filter(({ failed }) => failed).length;
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&apos;',
};

/** Escaped, and without what XML 1.0 cannot hold: control characters, and the two that are no characters. */
function xml(value: string): string {
  return printable(value)
    .replace(/[\uFFFE\uFFFF]/g, '\uFFFD')
    .replace(/[&<>"']/g, (c) => ENTITIES[c] ?? c);
}
