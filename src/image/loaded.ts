/**
 * Documents that may be missing, cut or senseless. Reading gives the document or the problem that stood in its way. Callers that
 * need the document say `demand`, and the problem becomes the error that it came from; callers that judge what they read keep
 * the problem and go on. Failures that say nothing about the content (no network, no permission) are thrown in either case.
 */
import { ContentMismatchError, FormatError, RegistryError, UnsupportedError } from '../errors.js';
import { collect } from '../io/streams.js';
import type { Descriptor, Document } from '../oci/descriptor.js';
import {
  type ImageConfig,
  type Index,
  isIndexType,
  type Manifest,
  MAX_DOCUMENT_SIZE,
  configSteps,
  documentSteps,
} from '../oci/manifest.js';
import type { ContentSource } from '../registry/stores/store.js';
import type { CallOptions } from '../reporter.js';
import { inTurns, type Steps } from '../turns.js';

export interface Problem {
  readonly what: 'index' | 'manifest' | 'config';
  /** Names the document that could not be read. */
  readonly descriptor: Descriptor;
  /** UnsupportedError for documents of a kind that nothing here reads, such as Docker's schema 1. */
  readonly cause: ContentMismatchError | FormatError | RegistryError | UnsupportedError;
}

export type Loaded<T> =
  | { readonly value: T; readonly problem?: undefined }
  | { readonly value?: undefined; readonly problem: Problem };

/** The value; throws the error that the problem came from. */
export function demand<T>(loaded: Loaded<T>): T {
  if (loaded.problem !== undefined) throw loaded.problem.cause;
  return loaded.value;
}

/** A manifest or an index, as its bytes have it: the descriptor's media type may be wrong. */
export function loadDocument(
  store: ContentSource,
  descriptor: Descriptor,
  call: CallOptions,
): Promise<Loaded<Document<Manifest | Index>>> {
  const what = isIndexType(descriptor.mediaType) ? 'index' : 'manifest';
  return load(store, descriptor, call, what, (bytes) => documentSteps(bytes, descriptor.mediaType));
}

export function loadConfigAt(
  store: ContentSource,
  descriptor: Descriptor,
  call: CallOptions,
): Promise<Loaded<Document<ImageConfig>>> {
  return load(store, descriptor, call, 'config', configSteps);
}

/** True when the store does not hold the content, as with archives that list more platforms than were saved. */
export function isAbsent({ cause }: Problem): boolean {
  return cause instanceof RegistryError && cause.status === 404;
}

/** True for documents that are refused by their size alone, before anything is fetched. */
export function isTooLarge({ size }: Descriptor): boolean {
  return size > MAX_DOCUMENT_SIZE;
}

async function load<T>(
  store: ContentSource,
  descriptor: Descriptor,
  call: CallOptions,
  what: Problem['what'],
  parse: (bytes: Uint8Array) => Steps<T>,
): Promise<Loaded<Document<T>>> {
  const name = `${what} ${descriptor.digest}`;
  try {
    if (isTooLarge(descriptor)) throw new FormatError(`${name}: more than ${MAX_DOCUMENT_SIZE} bytes`);
    const bytes = await collect(store.fetch(descriptor, call), MAX_DOCUMENT_SIZE, name);
    return { value: { descriptor, bytes, value: await inTurns(parse(bytes), call.signal) } };
  } catch (cause) {
    if (isAboutContent(cause)) return { problem: { what, descriptor, cause } };
    throw cause;
  }
}

/** True for failures that say what the content is like, and not that it could not be looked at. */
export function isAboutContent(cause: unknown): cause is Problem['cause'] {
  return (
    cause instanceof ContentMismatchError ||
    cause instanceof FormatError ||
    cause instanceof UnsupportedError ||
    (cause instanceof RegistryError && cause.status === 404)
  );
}
