/**
 * Finds the manifests that refer to a manifest in a store without a list of them, by reading every document that its index leads
 * to. OCI image-spec, image-layout.md, leaves this to readers.
 */
import { inTurns } from '../../turns.js';
import { FormatError } from '../../errors.js';
import { type ByteStream, collect } from '../../io/streams.js';
import type { Descriptor } from '../../oci/descriptor.js';
import type { Digest } from '../../oci/digest.js';
import {
  type Index,
  isDocumentType,
  type Manifest,
  MAX_DOCUMENT_SIZE,
  documentSteps,
} from '../../oci/manifest.js';
import { matching } from '../distribution/referrers.js';
import type { ReferrerList, ReferrerOptions } from './store.js';

/** With more documents the folder counts as broken or hostile. */
const MAX_DOCUMENTS = 100_000;

/** `roots` are the entries of `index.json`. An entry without content is skipped, because layouts may be partial. */
export async function scanReferrers(
  roots: readonly Descriptor[],
  read: (descriptor: Descriptor) => Promise<ByteStream | undefined>,
  subject: Digest,
  options: ReferrerOptions,
): Promise<ReferrerList> {
  const found: Descriptor[] = [];
  const seen = new Set<Digest>();
  const waiting = [...roots];
  for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
    if (seen.has(next.digest) || !isDocumentType(next.mediaType)) continue;
    seen.add(next.digest);
    if (seen.size > MAX_DOCUMENTS)
      throw new FormatError(`the index leads to more than ${MAX_DOCUMENTS} documents`);
    const stream = await read(next);
    if (stream === undefined) continue;
    const bytes = await collect(stream, MAX_DOCUMENT_SIZE, `manifest ${next.digest}`);
    const document = await inTurns(documentSteps(bytes, next.mediaType), options.signal);
    if (document.kind === 'index') for (const entry of document.manifests) waiting.push(entry);
    if (document.subject?.digest === subject) found.push(referrerOf(next, document));
  }
  return { way: 'scan', referrers: matching(found, options) };
}

/** The descriptor of a referrer for a list: with the type and the annotations of its own document. */
export function referrerOf(
  { digest, size }: Pick<Descriptor, 'digest' | 'size'>,
  document: Manifest | Index,
): Descriptor {
  const artifactType =
    document.artifactType ?? (document.kind === 'manifest' ? document.config.mediaType : undefined);
  return {
    mediaType: document.mediaType,
    digest,
    size,
    ...(document.annotations === undefined ? {} : { annotations: document.annotations }),
    ...(artifactType === undefined ? {} : { artifactType }),
  };
}
