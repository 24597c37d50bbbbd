/**
 * Findings of `check`: each has a stable id, by which programs distinguish them, and a place, where a person can look. A finding
 * is no exception: rules go on after one, and all of them are reported.
 */
import type { Half } from '../image/kinds.js';
import { displayName, type RawPath } from '../oci/raw-name.js';
import type { Remedy } from '../remedy.js';
import { CATALOGUE, type FindingId } from './catalogue.js';

/**
 * `error`: some client will fail or read something else than the source holds. `warning`: legal and works, but not as it
 * should be. `note`: as it should be, and worth knowing.
 */
export type Severity = 'error' | 'warning' | 'note';

/** Where a finding is; each part narrows the one before. */
export interface Place {
  /** Like `linux/arm64/v8`; undefined for findings about the reference as a whole. */
  readonly platform?: string | undefined;
  /** Which image of a merged index; undefined where there is only one. */
  readonly half?: Half | undefined;
  /** `index`, `manifest`, `config`, `bootstrap`, `layer 3`, `source layer 2`: the document or blob. Layers count from 1. */
  readonly part?: string | undefined;
  /** A file in the image, without a leading slash; empty for the root. */
  readonly path?: RawPath | undefined;
  /** Bytes from the start of the part. */
  readonly offset?: number | undefined;
}

export interface Finding {
  /** Stable: a key of the catalogue, or the id that the bootstrap's audit gave. */
  readonly id: string;
  readonly severity: Severity;
  readonly where: Place;
  /** Says the fault; a sentence without full stop. */
  readonly message: string;
  readonly expected?: string | undefined;
  readonly found?: string | undefined;
  readonly hint?: string | undefined;
  readonly remedy?: Remedy | undefined;
}

export interface FindingDetails {
  readonly message: string;
  readonly expected?: string | undefined;
  readonly found?: string | undefined;
  readonly hint?: string | undefined;
  readonly remedy?: Remedy | undefined;
}

/** A finding of the catalogue, which gives its severity. */
export function finding(id: FindingId, where: Place, details: FindingDetails): Finding {
  return { id, severity: CATALOGUE[id].severity, where, ...details };
}

/** Like `linux/amd64 nydus bootstrap /etc/passwd at 0x1480`; empty for a place that says nothing. */
export function formatPlace(place: Place): string {
  const words: string[] = [];
  if (place.platform !== undefined) words.push(place.platform);
  if (place.half !== undefined) words.push(place.half);
  if (place.part !== undefined) words.push(place.part);
  if (place.path !== undefined) words.push(`/${displayName(place.path)}`);
  if (place.offset !== undefined) words.push(`at 0x${place.offset.toString(16)}`);
  return words.join(' ');
}

/** One line: severity, id, place, sentence, and what was expected and found. */
export function formatFinding(found: Finding): string {
  const place = formatPlace(found.where);
  const sums = [
    found.expected === undefined ? undefined : `expected ${found.expected}`,
    found.found === undefined ? undefined : `found ${found.found}`,
  ].filter((part) => part !== undefined);
  const sum = sums.length === 0 ? '' : ` (${sums.join(', ')})`;
  return `${found.severity.padEnd(7)}  ${found.id}  ${place === '' ? '' : `${place}: `}${found.message}${sum}`;
}
