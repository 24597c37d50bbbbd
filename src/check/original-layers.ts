/**
 * Checks the original layers of an image whose chunks stay in them: they are in the repository, are those that the bootstrap
 * names, and hold every chunk where clients look for it.
 */
import { compareDigest, counted } from '../io/streams.js';
import type { VerifiableChunks } from '../native/judge.js';
import { openBlobVerifier } from '../native/verifier.js';
import type { Descriptor } from '../oci/descriptor.js';
import { digestFromHex } from '../oci/digest.js';
import { ANNOTATION, MEDIA } from '../oci/media-types.js';
import { blobFeatures } from '../rafs-builder/layout/v6.js';
import type { BlobRecord } from '../rafs-builder/model/tree.js';
import { nameOf } from '../registry/stores/store.js';
import { reportRead, type CallOptions } from '../reporter.js';
import { finding, type Finding } from './finding.js';
import type { OpenedImage } from './opened.js';
import { attempt, type Collector } from './rule.js';
import { sampleBlob } from './sample.js';
import { sampleContexts } from './sample-contexts.js';
import { placeIn, type ImageSubject, type NydusSubject } from './subject.js';

/** The layer that holds the chunks of a blob; undefined if the blob does. */
export function originalOf(record: BlobRecord): Descriptor | undefined {
  if (!blobFeatures.has(record.features, 'SEPARATE') || blobFeatures.has(record.features, 'TARFS'))
    return undefined;
  return { mediaType: MEDIA.ociLayerGzip, digest: digestFromHex(record.id), size: record.compressedSize };
}

export interface ReferringBlob {
  /** The RAFS blob as the manifest describes it. */
  readonly blob: Descriptor;
  readonly layer: Descriptor;
  readonly chunks: VerifiableChunks;
}

export interface ReadOptions {
  readonly threads: number;
  /** True: no chunk is read. */
  readonly bootstrapOnly?: boolean | undefined;
  /** Percent of the chunk data to read; all of it by default. */
  readonly sample?: number | undefined;
}

export async function checkOriginalLayer(
  { image }: OpenedImage,
  { blob, layer, chunks }: ReferringBlob,
  { threads, bootstrapOnly, sample }: ReadOptions,
  collector: Collector,
  call: CallOptions,
): Promise<void> {
  const { store } = image;
  const named = blob.annotations?.[ANNOTATION.nydusRef];
  if (named !== undefined && named !== layer.digest) {
    collector.report('BLOB-LAYER-REF', {
      message: `annotation ${ANNOTATION.nydusRef} names another layer than the bootstrap`,
      expected: layer.digest,
      found: named,
    });
  }
  if (!(await store.exists(layer, call))) {
    collector.report('BLOB-LAYER-MISSING', {
      message: 'the original layer that holds the data is not in the repository, or has another size there',
      expected: `${layer.digest} of ${layer.size} bytes`,
    });
    return;
  }
  if (bootstrapOnly === true) return;
  const read = { store, blob: layer, threads, ...chunks };
  if (sample === undefined) await streamLayer(image, layer, { threads, chunks }, collector, call);
  else if (chunks.contexts === undefined)
    await sampleBlob({ ...read, dataSize: layer.size }, sample, collector, call);
  else await sampleContexts({ ...read, contexts: chunks.contexts }, sample, collector, call);
}

async function streamLayer(
  { store }: ImageSubject,
  layer: Descriptor,
  { threads, chunks }: { readonly threads: number; readonly chunks: VerifiableChunks },
  collector: Collector,
  call: CallOptions,
): Promise<void> {
  const { indexes, table, compressor, digester, contexts } = chunks;
  const verifier = openBlobVerifier({ chunks: table, compressor, digester, threads, contexts });
  try {
    const whole = await attempt(collector.place, 'BLOB-LAYER-DIGEST', async () => {
      const stream = store.fetch(layer, { ...call, digestedByCaller: true });
      const read = (done: number): void => {
        reportRead(call, layer, done);
      };
      for await (const bytes of counted(stream, read)) await verifier.write(bytes);
    });
    const { digest, faults } = await verifier.finish();
    const compared =
      whole.finding === undefined
        ? await attempt(collector.place, 'BLOB-LAYER-DIGEST', () => {
            compareDigest(digest, layer, nameOf(layer, store.location));
          })
        : whole;
    if (compared.finding !== undefined) collector.findings.push(aboutLayer(compared.finding, layer));
    for (const { index, message } of faults) {
      const where = { ...collector.place, offset: table.at(index).compressedOffset };
      const chunk = indexes?.[index] ?? index;
      collector.report('CHUNK-DATA', { message: `chunk ${chunk}: ${message}`, chunk }, where);
    }
  } catch (cause) {
    verifier.abort();
    throw cause;
  }
}

/** Any content may be missing or wrong; of an original layer the reader learns that it is one. */
function aboutLayer({ id, where, ...details }: Finding, { digest }: Descriptor): Finding {
  const message = `original layer ${digest}: ${details.message}`;
  const about = id === 'CONTENT-MISSING' ? 'BLOB-LAYER-MISSING' : 'BLOB-LAYER-DIGEST';
  return finding(about, where, { ...details, message });
}

/** Nothing but a manifest that names them keeps layers in a registry: the OCI half of an index, or the subject. */
export function* checkLayersKept({ image, blobs }: OpenedImage): Generator<Finding> {
  const layers = blobs.flatMap(({ record }) => originalOf(record) ?? []);
  if (layers.length === 0 || image.manifest.value.subject !== undefined) return;
  const half = isNydus(image) ? image.ociHalf : undefined;
  const kept = new Set(half?.manifest.value.layers.map(({ digest }) => digest));
  const loose = layers.filter(({ digest }) => !kept.has(digest));
  if (loose.length === 0) return;
  yield finding('BLOB-LAYER-UNREFERENCED', placeIn(image, 'manifest'), {
    message: `${loose.length === 1 ? 'an original layer' : `${loose.length} original layers`} that the data stays in are kept by the original image alone: neither an index nor a subject leads to them`,
    found: loose[0]?.digest,
  });
}

function isNydus(image: ImageSubject): image is NydusSubject {
  return image.kind === 'nydus' && 'ociHalf' in image;
}
