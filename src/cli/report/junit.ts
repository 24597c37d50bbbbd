/**
 * A report that CI servers show as tests: a suite for the reference and for each platform, and in each the same tests, one an area,
 * whether they pass, fail or were not made. Findings that make the run fail are failures; others are told in `system-out`.
 */
import type { CheckResult } from '../../check/result.js';
import type { Finding, Severity } from '../../check/finding.js';
import { printable } from '../text/printable.js';
import { groupFindings, isAtLeast, limitsText, placeText, type FindingGroup } from './model.js';
import { type FailedCheck, PLAIN_RUN, type ReportRun } from './report-run.js';

interface Suite {
  readonly name: string;
  readonly findings: readonly Finding[];
  readonly milliseconds: number;
}

/** By the first word of an id: the names of tests, which are the same in every run. */
const AREAS: Readonly<Record<string, string>> = {
  DOCUMENT: 'documents',
  INDEX: 'index',
  IMAGE: 'images',
  DETECT: 'detection by nydus-snapshotter',
  MANIFEST: 'manifest',
  CONFIG: 'config',
  CONTENT: 'content is there, and as promised',
  BOOTSTRAP: 'bootstrap layer',
  RAFS: 'bootstrap',
  BLOB: 'blobs',
  CHUNK: 'chunks',
  SOURCE: 'source',
  FS: 'filesystem against the source',
};
/** Areas that are looked at once, for all platforms. */
const OF_THE_WHOLE: ReadonlySet<string> = new Set(['DOCUMENT', 'INDEX', 'IMAGE']);
const OTHER = 'other findings';

/** The suite of findings that are about no platform. */
const WHOLE = 'reference';
const READ = 'the reference is read';

export function junitReport(
  result: CheckResult,
  { milliseconds, failOn }: Pick<ReportRun, 'milliseconds' | 'failOn'> = PLAIN_RUN,
): string {
  const ofPlatforms = result.platforms.reduce((sum, platform) => sum + platform.milliseconds, 0);
  const suites = suitesOf(result).map((suite): WrittenSuite => {
    const isWhole = suite.name === WHOLE;
    // What is no platform's is the reference's, so that sums are right.
    const taken = isWhole ? Math.max(0, milliseconds - ofPlatforms) : suite.milliseconds;
    const time = seconds(taken);
    const cases = casesOf({ ...suite, milliseconds: isWhole ? 0 : taken }, result, failOn);
    return {
      name: suite.name,
      cases: isWhole ? [readCase(time), ...cases] : cases,
      time,
      properties: properties(result),
    };
  });
  return junitDocument(suites, seconds(Math.max(milliseconds, ofPlatforms)));
}

function seconds(milliseconds: number): string {
  return (milliseconds / 1000).toFixed(3);
}

/** A report of a check that came to no verdict: the first test of the same name has an error. */
export function junitOfFailure({ target, source, error, hint, milliseconds }: FailedCheck): string {
  const time = seconds(milliseconds);
  const text = hint === undefined ? error.message : `${error.message}; hint: ${hint}`;
  const open = `    <testcase name="${xml(READ)}" classname="${classOf(WHOLE)}" time="${time}">`;
  const fault = `      <error message="${xml(error.message)}" type="${xml(error.code)}">${xml(text)}</error>`;
  const lines = [open, fault, '    </testcase>'];
  return junitDocument(
    [
      {
        name: WHOLE,
        cases: [{ state: 'error', text: lines.join('\n') }],
        time,
        properties: [
          ['target', target],
          ...(source === undefined ? [] : [['source', source] as const]),
          ['verdict', 'unknown'],
        ],
      },
    ],
    time,
  );
}

interface WrittenSuite {
  readonly name: string;
  readonly cases: readonly Case[];
  readonly time: string;
  readonly properties: readonly (readonly [string, string])[];
}

function junitDocument(suites: readonly WrittenSuite[], time: string): string {
  const all = suites.flatMap(({ cases }) => cases);
  const lines = suites.flatMap((suite) => [
    `  <testsuite name="${xml(suite.name)}" ${counts(suite.cases)} skipped="${count(suite.cases, 'skipped')}" time="${suite.time}">`,
    '    <properties>',
    ...suite.properties.map(([name, value]) => `      <property name="${xml(name)}" value="${xml(value)}"/>`),
    '    </properties>',
    ...suite.cases.map(({ text }) => text),
    '  </testsuite>',
  ]);
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites name="nydusify check" ${counts(all)} time="${time}">`,
    ...lines,
    '</testsuites>',
    '',
  ].join('\n');
}

function counts(cases: readonly Case[]): string {
  return `tests="${cases.length}" failures="${count(cases, 'failed')}" errors="${count(cases, 'error')}"`;
}

function count(cases: readonly Case[], wanted: Case['state']): number {
  return cases.filter(({ state }) => state === wanted).length;
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

function suitesOf({ platforms, findings }: CheckResult): readonly Suite[] {
  const names = new Set(platforms.map(({ platform }) => platform));
  for (const { where } of findings) if (where.platform !== undefined) names.add(where.platform);
  const whole = findings.filter(({ where }) => where.platform === undefined);
  return [
    { name: WHOLE, findings: whole, milliseconds: 0 },
    ...[...names].map((name) => ({
      name,
      findings: findings.filter(({ where }) => where.platform === name),
      milliseconds: platforms
        .filter(({ platform }) => platform === name)
        .reduce((sum, { milliseconds }) => sum + milliseconds, 0),
    })),
  ];
}

interface Case {
  readonly state: 'passed' | 'failed' | 'skipped' | 'error';
  readonly text: string;
}

function readCase(time: string): Case {
  return {
    state: 'passed',
    text: `    <testcase name="${xml(READ)}" classname="${classOf(WHOLE)}" time="${time}"/>`,
  };
}

function classOf(suite: string): string {
  return `nydusify.check.${suite.replace(/[^A-Za-z0-9]+/g, '_')}`;
}

/** All areas in every suite, so that a server that compares runs finds each test again. */
function casesOf(suite: Suite, result: CheckResult, failOn: Severity): readonly Case[] {
  const groups = groupFindings(suite.findings);
  const areaOf = ({ id }: FindingGroup): string => AREAS[id.split('-')[0] ?? ''] ?? OTHER;
  const cases = Object.entries(AREAS).map(([area, name]) => {
    const ours = groups.filter((group) => areaOf(group) === name);
    // The content takes nearly all of a platform's time.
    const time = area === 'CONTENT' ? seconds(suite.milliseconds) : '0';
    if (ours.length > 0) return caseOf({ name, time }, ours, suite, failOn);
    const head = `    <testcase name="${xml(name)}" classname="${classOf(suite.name)}" time="${time}"`;
    return wasLookedAt(area, suite, result)
      ? { state: 'passed' as const, text: `${head}/>` }
      : { state: 'skipped' as const, text: `${head}><skipped/></testcase>` };
  });
  const others = groups.filter((group) => areaOf(group) === OTHER);
  return others.length === 0 ? cases : [...cases, caseOf({ name: OTHER, time: '0' }, others, suite, failOn)];
}

function wasLookedAt(area: string, { name }: Suite, { platforms }: CheckResult): boolean {
  if (name === WHOLE) return OF_THE_WHOLE.has(area);
  const image = platforms.find(({ platform }) => platform === name);
  if (area === 'FS' || area === 'SOURCE') return image?.compared === true;
  return !OF_THE_WHOLE.has(area) && (area !== 'DETECT' || image?.oci !== undefined);
}

interface NamedCase {
  readonly name: string;
  readonly time: string;
}

function caseOf(
  { name, time }: NamedCase,
  groups: readonly FindingGroup[],
  suite: Suite,
  failOn: Severity,
): Case {
  const failing = groups.filter(({ severity }) => isAtLeast(severity, failOn));
  const passing = groups.filter((group) => !failing.includes(group));
  const body = (of: readonly FindingGroup[]): string =>
    of
      .flatMap(({ id, findings }) => findings.map((found) => `${id}: ${sentence(found)}`))
      .map(xml)
      .join('\n');
  const message = failing.map(({ id, meaning }) => (meaning === undefined ? id : `${id}: ${meaning}`));
  return {
    state: failing.length > 0 ? 'failed' : 'passed',
    text: [
      `    <testcase name="${xml(name)}" classname="${classOf(suite.name)}" time="${time}">`,
      ...(failing.length === 0
        ? []
        : [
            `      <failure message="${xml(message.join('; '))}" type="${xml(failing[0]?.id ?? '')}">${body(failing)}</failure>`,
          ]),
      ...(passing.length === 0 ? [] : [`      <system-out>${body(passing)}</system-out>`]),
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
