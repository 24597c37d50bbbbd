/** The ordinary image beside a Nydus image, with the same changes as a layer on top, so that every client sees them. */
import { familyOf } from '../convert/assemble.js';
import { storedDocument, type StoredDocument } from '../convert/halves.js';
import type { Uploads } from '../convert/uploads.js';
import { type Image, readConfig } from '../image/image.js';
import { ownDigests } from '../image/identity.js';
import { readFileRange } from '../io/file-range.js';
import { type ByteStream, contentOf } from '../io/streams.js';
import { openBootstrapInTurns } from '../native/judge.js';
import { rebuiltLayer } from '../native/rebuilder.js';
import type { Descriptor } from '../oci/descriptor.js';
import { jsonObjectSteps } from '../oci/json/value.js';
import type { FetchOptions, ImageSource, ImageTarget } from '../registry/stores/store.js';
import { entriesInSteps } from '../reverse/entries.js';
import { uploadLayer } from '../reverse/layer-upload.js';
import { ownTree } from '../reverse/own-tree.js';
import { tarUnits } from '../reverse/units.js';
import type { CallOptions } from '../reporter.js';
import { inTurns } from '../turns.js';
import { committedOciConfig, committedOciManifest } from './documents.js';
import type { CommitOptions } from './options.js';

export interface Committed {
  /** The Nydus image of the base, in whose store the ordinary one is, too. */
  readonly nydus: Image;
  readonly blob: Descriptor;
  /** The file of the blob. */
  readonly path: string;
  /** The bootstrap of the result. */
  readonly bootstrap: Buffer;
}

export interface OrdinaryImage {
  readonly manifest: StoredDocument;
  readonly layer: Descriptor;
}

interface Around {
  readonly target: ImageTarget;
  readonly uploads: Uploads;
  readonly options: CommitOptions;
}

/** The layer is the canonical tar of the blob, in which whiteouts are as layers have them. */
export async function commitOrdinary(
  { target, uploads, options }: Around,
  oci: Image,
  { nydus, blob, path, bootstrap }: Committed,
): Promise<OrdinaryImage> {
  const { call } = uploads;
  const store = withFile(nydus.store, blob, path);
  const { manifest: base } = nydus;
  const listed = { ...blob, annotations: {}, raw: {} };
  const value = { ...base.value, layers: [...base.value.layers, listed] };
  const tree = await ownTree({ ...nydus, store, manifest: { ...base, value } }, blob, call);
  const merged = (await openBootstrapInTurns(bootstrap, call.signal)).bootstrap;
  const family = familyOf(oci.manifest.value.mediaType, false);
  const { descriptor, made } = await uploadLayer(
    { target, uploads },
    {
      mediaType: family.layer,
      note: { of: blob.digest, how: 'the changes of a commit as a tar; gzip default' },
      make: (own: CallOptions) =>
        rebuiltLayer(
          tarUnits(
            entriesInSteps(tree.root, merged.root),
            { store, locate: (file, at) => tree.locate(file, at), onSocket: () => undefined },
            own,
          ),
          { compressor: 'gzip' },
          options.threads,
        ),
      onBytes: () => undefined,
    },
    call,
  );
  const what = `manifest ${oci.manifest.descriptor.digest}`;
  const before = await readConfig(oci, call);
  const config = storedDocument(
    oci.manifest.value.config.mediaType,
    committedOciConfig(
      await inTurns(jsonObjectSteps(before.bytes, `config of ${what}`), call.signal),
      made.diffId,
      options,
    ),
  );
  uploads.push(config.descriptor, contentOf(config.bytes)).catch(() => undefined); // `settle` reports it
  const manifest = storedDocument(
    oci.manifest.descriptor.mediaType,
    committedOciManifest(
      await inTurns(jsonObjectSteps(oci.manifest.bytes, what), call.signal),
      config.descriptor,
      descriptor,
      ownDigests(oci.manifest),
    ),
  );
  return { manifest, layer: descriptor };
}

/** The store, which has the blob in a file too, since it is still being sent. */
function withFile(store: ImageSource, blob: Descriptor, path: string): ImageSource {
  const fetch = (descriptor: Descriptor, options?: FetchOptions): ByteStream =>
    descriptor.digest === blob.digest
      ? readFileRange(path, options?.range, options?.signal)
      : store.fetch(descriptor, options);
  return new Proxy(store, {
    get: (target, name) => {
      if (name === 'fetch') return fetch;
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });
}
