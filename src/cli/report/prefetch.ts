/** What a prefetch list means on an image, for programs. */
import type { RawPath } from '../../oci/raw-name.js';
import { type PrefetchMeaning, type PrefetchPart, verdictOf } from '../../prefetch/meaning.js';
import { pathJson } from '../text/path-json.js';

export function prefetchJson(meaning: PrefetchMeaning): object {
  const { patterns, missing, covered, empty, entries, files, bytes, chunks, stored } = meaning;
  return {
    patterns,
    missing: missing.count,
    missingPaths: missing.paths.map((path) => pathJson('path', path.replace(/^\//, '') as RawPath)), // bytes, as paths are
    covered,
    empty,
    entries,
    files: partJson(files),
    bytes: partJson(bytes),
    chunks: partJson(chunks),
    storedBytes: partJson(stored),
    verdict: verdictOf(meaning),
  };
}

function partJson({ listed, all }: PrefetchPart): object {
  return { listed, all };
}
