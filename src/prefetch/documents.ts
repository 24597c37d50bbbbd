/** Lists in JSON. Members that are not needed are not looked at. */
import { UsageError } from '../errors.js';
import { boundShape } from '../oci/json/shape.js';
import { rawNameFromText } from '../oci/raw-name.js';
import { linesOf, MAX_LINE } from './lines.js';
import type { Patterns } from './patterns.js';

/** Room for a million files, each with some ranges. */
const MAX_VALUES = 10_000_000;

/** The document, if all of the text is one. */
export function jsonOf(text: string): unknown {
  const bytes = Buffer.from(text, 'latin1');
  boundShape(bytes, 'the prefetch list', MAX_VALUES);
  try {
    return JSON.parse(bytes.toString('utf8')) as unknown;
  } catch {
    return undefined;
  }
}

/** `{"version":"v1","files":[{"path":"/a"}]}`, as upstream's `optimize` takes it. */
export function isUpstreamList(document: unknown): document is { readonly files: readonly unknown[] } {
  return isObject(document) && Array.isArray(document['files']);
}

export function readUpstreamList(files: readonly unknown[], patterns: Patterns): void {
  for (const file of files) addPath(isObject(file) ? file['path'] : undefined, patterns);
}

/** `["/a","/b"]`, as `soci create --prefetch-files-json` takes it. */
export function isPathArray(document: unknown): document is readonly unknown[] {
  return Array.isArray(document) && document.every((path) => typeof path === 'string');
}

export function readPathArray(paths: readonly unknown[], patterns: Patterns): void {
  for (const path of paths) addPath(typeof path === 'string' ? path.trim() : path, patterns);
}

/** What SOCI makes of such a list: places in compressed layers, without the names of files. */
export function refuseSpans(document: unknown): void {
  if (isObject(document) && Array.isArray(document['prefetch_spans']))
    throw new UsageError('a prefetch artifact of SOCI names spans of compressed layers, and no files', {
      hint: 'give the list of files that it was made of, a JSON array of paths',
    });
}

/** `{"path":"usr/bin/a","manifestDigest":"sha256:…","layerIndex":0}` in each line, as stargz records it. */
export function isRecordLine(line: string): boolean {
  const record = line.startsWith('{') && line.length < MAX_LINE ? jsonOf(line) : undefined;
  return isObject(record) && typeof record['path'] === 'string';
}

export function readRecords(text: string, patterns: Patterns): void {
  for (const line of linesOf(text)) {
    if (line.trim() === '') continue;
    const record = jsonOf(line);
    addPath(isObject(record) ? record['path'] : undefined, patterns);
  }
}

/** Records name files from the root without a slash. */
function addPath(path: unknown, patterns: Patterns): void {
  if (typeof path !== 'string' || path === '') {
    patterns.skipped++;
    return;
  }
  patterns.add(rawNameFromText(path.startsWith('/') ? path : `/${path.replace(/^\.\//, '')}`), 'file');
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
