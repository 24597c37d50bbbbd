/**
 * A finding of `check` has a stable id for programs, and a place for people. It is not an exception: rules continue
 * after one, and `check` reports all of them.
 */
import type { Half } from '../image/kinds.js';
import { displayName, type RawPath } from '../oci/raw-name.js';
import type { Remedy } from '../remedy.js';
import { CATALOGUE, type FindingId } from './catalogue.js';

/**
 * `error`: a client fails, or content or the way containers start differs from the source. `warning`: the image works,
 * and is not as it should be. `note`: it is as it should be, and the fact is worth knowing.
 */
export type Severity = 'error' | 'warning' | 'note';

/** The place of a finding; each member narrows the ones before. */
export interface Place {
  /** In the form `linux/arm64/v8`; undefined for findings about the reference as a whole. */
  readonly platform?: string | undefined;
  /** The half of a merged index; undefined where there is only one image. */
  readonly half?: Half | undefined;
  /** `index`, `manifest`, `config`, `bootstrap`, `layer 3`, `source layer 2`: the document or blob. Layers count from 1. */
  readonly part?: string | undefined;
  /** A file in the image, without a leading slash; empty for the root. */
  readonly path?: RawPath | undefined;
  /** Bytes from the start of the part. */
  readonly offset?: number | undefined;
}

/** A byte of a file in the image. */
export interface PlaceInFile {
  /** Without a leading slash. */
  readonly path: RawPath;
  readonly offset: number;
}

export interface Finding {
  /** A key of the catalogue, or the id that the judge of bootstraps gave; ids never change. */
  readonly id: string;
  readonly severity: Severity;
  readonly where: Place;
  /** States the fault, as a sentence without full stop. */
  readonly message: string;
  readonly expected?: string | undefined;
  readonly found?: string | undefined;
  readonly hint?: string | undefined;
  readonly remedy?: Remedy | undefined;
  /** The chunk that the finding is about, by its index in its blob. */
  readonly chunk?: number | undefined;
  /** The files that hold the chunk: how many, and the first of them; undefined if they are not known. */
  readonly files?: { readonly count: number; readonly first: readonly PlaceInFile[] } | undefined;
}

export interface FindingDetails {
  readonly message: string;
  readonly chunk?: number | undefined;
  readonly expected?: string | undefined;
  readonly found?: string | undefined;
  readonly hint?: string | undefined;
  readonly remedy?: Remedy | undefined;
}

/** Makes a finding of the catalogue, which gives its severity. */
export function finding(id: FindingId, where: Place, details: FindingDetails): Finding {
  return { id, severity: CATALOGUE[id].severity, where, ...details };
}

/** Formats a place like `linux/amd64 nydus bootstrap /etc/passwd at 0x1480`; an empty place gives an empty string. */
export function formatPlace(place: Place): string {
  const words: string[] = [];
  if (place.platform !== undefined) words.push(place.platform);
  if (place.half !== undefined) words.push(place.half);
  if (place.part !== undefined) words.push(place.part);
  if (place.path !== undefined) words.push(`/${displayName(place.path)}`);
  if (place.offset !== undefined) words.push(`at 0x${place.offset.toString(16)}`);
  return words.join(' ');
}

/** Formats a finding as one line: severity, id, place, sentence, and the expected and found values. */
export function formatFinding(found: Finding): string {
  const place = formatPlace(found.where);
  const sums = [
    found.expected === undefined ? undefined : `expected ${found.expected}`,
    found.found === undefined ? undefined : `found ${found.found}`,
  ].filter((part) => part !== undefined);
  const sum = sums.length === 0 ? '' : ` (${sums.join(', ')})`;
  return `${found.severity.padEnd(7)}  ${found.id}  ${place === '' ? '' : `${place}: `}${found.message}${sum}`;
}
