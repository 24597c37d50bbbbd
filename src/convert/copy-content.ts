/** Copies the entries of an index that are not converted, with everything that they refer to. */
import { FormatError, RegistryError, UnsupportedError } from '../errors.js';
import { liesOutside } from '../image/obstacles.js';
import { collect, contentOf, counted } from '../io/streams.js';
import type { Descriptor } from '../oci/descriptor.js';
import type { Digest } from '../oci/digest.js';
import {
  isDocumentType,
  isSchema1Type,
  type ListedDescriptor,
  MAX_DOCUMENT_SIZE,
  parseDocument,
} from '../oci/manifest.js';
import { isMountable } from '../registry/stores/store.js';
import { reportRead } from '../reporter.js';
import type { Run } from './run.js';
import type { ForeignEntry } from './source-images.js';

/** Bounds indexes in indexes; real images have at most two levels. */
const MAX_DEPTH = 8;

/** The statuses with which a target refuses a manifest that it does not accept. */
const REFUSALS: ReadonlySet<number> = new Set([400, 405, 415, 422]);

/**
 * Copies the entries with everything that they refer to, and returns those that the target has now. An entry whose
 * content the source lacks, or that the target refuses, is left out with a warning, because the caller came for the
 * images.
 */
export async function copyEntries(
  run: Run,
  entries: readonly ForeignEntry[],
): Promise<readonly ForeignEntry[]> {
  const copier = new Copier(run);
  if (entries.length > 0)
    run.uploads.call.reporter?.emit({ type: 'step', message: 'copying what is kept as it is' });
  const kept: ForeignEntry[] = [];
  for (const entry of entries) {
    const { digest, mediaType } = entry.descriptor;
    try {
      await copier.copy(entry.descriptor);
      kept.push(entry);
    } catch (cause) {
      if (!isAboutEntry(cause)) throw cause;
      run.uploads.call.reporter?.emit({
        type: 'warning',
        code: 'ENTRY_LEFT_OUT',
        message: `an entry of the index is left out, since it cannot be copied: ${digest} (${mediaType}): ${cause.message}`,
      });
    }
  }
  return kept;
}

function isAboutEntry(cause: unknown): cause is RegistryError | FormatError | UnsupportedError {
  if (cause instanceof FormatError || cause instanceof UnsupportedError) return true;
  if (!(cause instanceof RegistryError) || cause.status === undefined) return false;
  return (cause.status === 404 && cause.side !== 'target') || REFUSALS.has(cause.status);
}

/** Pushes without the run's `Uploads`, so that a failure here does not end the run. */
class Copier {
  readonly #run: Run;
  readonly #copied = new Set<Digest>();

  constructor(run: Run) {
    this.#run = run;
  }

  /** Copies children before parents. Throws the errors of fetching and pushing. */
  async copy(descriptor: Descriptor, depth = 0): Promise<void> {
    const { source, target, uploads } = this.#run;
    const { call } = uploads;
    if (uploads.has(descriptor.digest) || this.#copied.has(descriptor.digest)) return;
    if (isDocumentType(descriptor.mediaType)) {
      const what = `manifest ${descriptor.digest}`;
      const bytes = await collect(source.fetch(descriptor, call), MAX_DOCUMENT_SIZE, what);
      // An index cannot contain itself, because its digest depends on its content, but a hostile one can be arbitrarily
      // deep.
      if (depth >= MAX_DEPTH)
        throw new UnsupportedError(
          `${what} of ${source.location}: indexes nested more than ${MAX_DEPTH} deep`,
        );
      if (!isSchema1Type(descriptor.mediaType)) await this.#children(bytes, descriptor, depth);
      await target.push(descriptor, contentOf(bytes), call);
    } else if (!(await this.#isThere(descriptor))) {
      const { size } = descriptor;
      const content = {
        size,
        open: (range?: { readonly start: number; readonly end: number }) =>
          counted(source.fetch(descriptor, { ...call, range }), (done) => {
            reportRead(call, descriptor, (range?.start ?? 0) + done);
          }),
      };
      await target.push(descriptor, content, call);
    }
    this.#copied.add(descriptor.digest);
  }

  async #children(bytes: Uint8Array, descriptor: Descriptor, depth: number): Promise<void> {
    for (const child of childrenOf(bytes, descriptor)) {
      const absent = liesOutside(child) && !(await this.#run.source.exists(child, this.#run.uploads.call));
      if (!absent) await this.copy(child, depth + 1);
    }
  }

  async #isThere(descriptor: Descriptor): Promise<boolean> {
    const { source, target, uploads } = this.#run;
    if (await target.exists(descriptor, uploads.call)) return true;
    return isMountable(target) && (await target.mount(descriptor, source.place, uploads.call));
  }
}

function childrenOf(bytes: Uint8Array, { mediaType }: Descriptor): readonly ListedDescriptor[] {
  const document = parseDocument(bytes, mediaType);
  return document.kind === 'index' ? document.manifests : [document.config, ...document.layers];
}
