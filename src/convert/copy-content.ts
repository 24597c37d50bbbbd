/** Entries of an index that are no images are copied as they are, with all that they name. */
import { UnsupportedError } from '../errors.js';
import { collect, contentOf } from '../io/streams.js';
import type { Descriptor } from '../oci/descriptor.js';
import { isDocumentType, MAX_DOCUMENT_SIZE, parseDocument } from '../oci/manifest.js';
import { isMountable } from '../registry/stores/store.js';
import type { Run } from './run.js';

/** Bounds indexes in indexes; two levels are the most that has been seen. */
const MAX_DEPTH = 8;

/** Children first. Throws what fetching and pushing throw. */
export async function copyContent(run: Run, descriptor: Descriptor, depth = 0): Promise<void> {
  const { source, target, uploads } = run;
  const { call } = uploads;
  if (uploads.has(descriptor.digest)) return;
  if (!isDocumentType(descriptor.mediaType)) {
    await uploads.once(descriptor.digest, async () => {
      if (await target.exists(descriptor, call)) return 'present';
      if (isMountable(target) && (await target.mount(descriptor, source.place, call))) return 'mounted';
      const { size } = descriptor;
      return target.push(
        descriptor,
        { size, open: (range) => source.fetch(descriptor, { ...call, range }) },
        call,
      );
    });
    return;
  }
  const what = `manifest ${descriptor.digest}`;
  const bytes = await collect(source.fetch(descriptor, call), MAX_DOCUMENT_SIZE, what);
  const document = parseDocument(bytes, descriptor.mediaType);
  const children = document.kind === 'index' ? document.manifests : [document.config, ...document.layers];
  // An index never holds itself, as a digest cannot be known before its content; but it can be made as deep as one likes.
  if (depth >= MAX_DEPTH)
    throw new UnsupportedError(`${what} of ${source.location}: indexes nested more than ${MAX_DEPTH} deep`);
  for (const child of children) await copyContent(run, child, depth + 1);
  await uploads.push(descriptor, contentOf(bytes));
}
