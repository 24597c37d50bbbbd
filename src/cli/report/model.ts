/** The parts that all reports of a check share: counts, sentences, and findings grouped by id. */
import { SEVERITIES } from '../flags/check.js';
import type { CheckResult } from '../../check/result.js';
import type { ClientVerdict, PickedManifest } from '../../check/clients.js';
import { CATALOGUE } from '../../check/catalogue.js';
import { formatPlace, type Finding, type Severity } from '../../check/finding.js';
import { AUDIT_RULES } from '../../rafs-builder/rules/rules.js';
import { printableJson } from '../text/printable.js';
import { plural } from '../text/units.js';

/** True for a finding that is as bad as `least`, or worse. */
export function isAtLeast(severity: Severity, least: Severity): boolean {
  return SEVERITIES.indexOf(severity) <= SEVERITIES.indexOf(least);
}

function countOf(findings: readonly Finding[], severity: Severity): number {
  return findings.filter((found) => found.severity === severity).length;
}

/** For example `2 errors, 1 warning`; notes are counted only when there are some. */
export function countsText(findings: readonly Finding[]): string {
  const notes = countOf(findings, 'note');
  return [
    plural(countOf(findings, 'error'), 'error'),
    plural(countOf(findings, 'warning'), 'warning'),
    ...(notes === 0 ? [] : [plural(notes, 'note')]),
  ].join(', ');
}

/** The parts that were not checked; undefined when everything was. */
export function limitsText({ sample, source, bootstrapOnly }: CheckResult): string | undefined {
  const limits = [
    bootstrapOnly ? '--bootstrap-only: no chunk data was read' : undefined,
    sample === undefined ? undefined : `a sample: ${sample} % of the chunk data was read`,
    source === undefined ? 'no source was given: files were not compared with the original image' : undefined,
  ].filter((limit) => limit !== undefined);
  return limits.length === 0 ? undefined : limits.join('; ');
}

/** Findings with one id, worst first, then in the order in which they were found. */
export interface FindingGroup {
  readonly id: string;
  readonly severity: Severity;
  /** The meaning of the id; undefined when no table has it. */
  readonly meaning: string | undefined;
  readonly findings: readonly Finding[];
}

export function groupFindings(findings: readonly Finding[]): readonly FindingGroup[] {
  const groups = new Map<string, Finding[]>();
  for (const found of findings) {
    const group = groups.get(found.id);
    if (group === undefined) groups.set(found.id, [found]);
    else group.push(found);
  }
  const all = [...groups].map(([id, list]) => ({
    id,
    severity: list[0]?.severity ?? ('error' as const),
    meaning: meaningOf(id),
    findings: list,
  }));
  return all.sort((a, b) => SEVERITIES.indexOf(a.severity) - SEVERITIES.indexOf(b.severity));
}

/** A finding, and the platforms of those that differ from it in nothing else. */
export interface SharedFinding {
  readonly found: Finding;
  /** Empty for a finding about the reference as a whole. */
  readonly platforms: readonly string[];
}

/** Findings that say the same of several platforms become one, at the place of the first. */
export function overPlatforms(findings: readonly Finding[]): readonly SharedFinding[] {
  const shared = new Map<string, { readonly found: Finding; readonly platforms: Set<string> }>();
  for (const found of findings) {
    const { platform, ...where } = found.where;
    const key = printableJson([where, found.message, found.expected, found.found]);
    const one = shared.get(key) ?? { found, platforms: new Set() };
    if (platform !== undefined) one.platforms.add(platform);
    shared.set(key, one);
  }
  return [...shared.values()].map(({ found, platforms }) => ({ found, platforms: [...platforms] }));
}

/** For example `✗ bad: 2 errors, 1 warning`. Findings about the reference as a whole count for no platform. */
export function platformVerdict(
  platform: string,
  findings: readonly Finding[],
): { readonly isGood: boolean; readonly text: string } {
  const own = findings.filter(({ where }) => where.platform === platform);
  const isGood = countOf(own, 'error') === 0;
  const isClean = own.every(({ severity }) => severity === 'note');
  return { isGood, text: `${isGood ? '✓ good' : '✗ bad'}${isClean ? '' : `: ${countsText(own)}`}` };
}

function meaningOf(id: string): string | undefined {
  const own: Readonly<Record<string, { readonly meaning: string } | undefined>> = CATALOGUE;
  const audit: Readonly<Record<string, { readonly holds: string } | undefined>> = AUDIT_RULES;
  const rule = audit[id];
  return own[id]?.meaning ?? (rule === undefined ? undefined : `broken rule: ${rule.holds}`);
}

/** For example `linux/amd64 layer 3 at 0x1480`, or `the reference`. */
export function placeText(found: Finding): string {
  const place = formatPlace(found.where);
  return place === '' ? 'the reference' : place;
}

const DETECTIONS = {
  index: 'index detection',
  referrer: 'referrer detection',
  none: 'no detection',
} as const;

/** For example `nydus-snapshotter, index detection`. */
export function clientName({ client, detection }: ClientVerdict): string {
  return detection === undefined ? client : `${client}, ${DETECTIONS[detection]}`;
}

/** The entry that a client takes, and the one that it finds by that and runs: `entry 1, OCI, then entry 2, Nydus`. */
export function pickText({ picks, runs }: ClientVerdict): string {
  if (picks === undefined) return 'nothing';
  return [picks, ...(runs === undefined ? [] : [runs])].map(manifestText).join(', then ');
}

/** For example `entry 2, Nydus`. */
export function manifestText({ entry, kind }: PickedManifest): string {
  const name = { oci: 'OCI', nydus: 'Nydus', other: 'no image' }[kind];
  return entry === undefined ? name : `entry ${entry}, ${name}`;
}

export const OUTCOMES = {
  lazily: 'runs, lazily',
  unpacked: 'runs, unpacked',
  copied: 'copies',
  fails: 'cannot run it',
} as const;
