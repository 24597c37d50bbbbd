/** `--chunk-dict`: where the chunk dictionary of a conversion is, in upstream's words and in shorter ones. */
import { statSync } from 'node:fs';
import { resolve } from 'node:path';
import { UsageError } from '../../errors.js';
import { type Location, parseLocation } from '../../registry/location.js';
import type { Flag, FlagValues } from './flags.js';

const NAME = 'chunk-dict';

export const CHUNK_DICT_FLAGS: readonly Flag[] = [
  {
    name: NAME,
    type: 'string',
    value: 'image',
    env: 'CHUNK_DICT',
    group: 'Result:',
    help: 'Nydus image whose chunks are referred to, not stored again: an image or bootstrap:registry:IMAGE; bootstrap:local:PATH or bootstrap=PATH for a bootstrap file whose blobs the target has',
  },
  {
    name: 'chunk-dict-insecure',
    type: 'boolean',
    env: 'CHUNK_DICT_INSECURE',
    group: 'Result:',
    help: "do not verify the certificate of the dictionary's registry; if it speaks no TLS, speak HTTP with it, and say so",
  },
];

/** The place of a dictionary: of an image, or of the bootstrap of one. */
export type DictionaryPlace = Location | { readonly kind: 'bootstrap'; readonly path: string };

/** Undefined without the flag. Throws UsageError, and InvalidReferenceError for what names no image. */
export function chunkDictOf(flags: FlagValues): DictionaryPlace | undefined {
  const text = flags.text(NAME);
  return text === undefined ? undefined : parseChunkDict(text);
}

/**
 * `bootstrap:registry:IMAGE` and `bootstrap:local:PATH` are how upstream's `convert` writes it, `bootstrap=PATH` how its `build` does.
 * All else names an image.
 */
export function parseChunkDict(text: string): DictionaryPlace {
  const file = /^([^:/]*)=(.*)$/s.exec(text);
  if (file !== null) {
    if (file[1] !== 'bootstrap') throw badFormat(file[1] ?? '');
    return inFile(file[2] ?? '', text);
  }
  const [format, source, ...rest] = text.split(':');
  if (format !== 'bootstrap' || rest.length === 0) return parseLocation(text);
  const place = rest.join(':');
  if (source === 'registry') return parseLocation(place);
  if (source === 'local') return inFile(place, text);
  throw new UsageError(`invalid chunk dict source ${source ?? ''}, should be registry or local`);
}

/** A folder is an OCI layout. */
function inFile(path: string, text: string): DictionaryPlace {
  if (path === '') throw new UsageError(`the chunk dictionary "${text}" names no file`);
  const isFolder = statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
  return isFolder ? parseLocation(`oci:${path}`) : { kind: 'bootstrap', path: resolve(path) };
}

function badFormat(format: string): UsageError {
  return new UsageError(`invalid chunk dict format ${format}, should be [bootstrap]`);
}
