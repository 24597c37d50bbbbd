/**
 * These rules compare a bootstrap with its image: its blobs are the layers, and the layer's tar holds their chunk
 * tables.
 */
import { digestHex } from '../oci/digest.js';
import { rafsBlobOf } from '../rafs-builder/model/tree.js';
import { versionNamed } from '../rafs-builder/versions.js';
import { ANNOTATION } from '../oci/media-types.js';
import { checkMetaFile } from './blob.js';
import { finding, type Finding } from './finding.js';
import { blobMetaOf } from '../image/bootstrap-layer.js';
import { blobIdsOf, hasBlobsElsewhere, type OpenedImage } from './opened.js';
import { checkLayersKept } from './original-layers.js';
import type { Rule } from './rule.js';
import { placeIn } from './subject.js';

export const bootstrapRules: readonly Rule<OpenedImage>[] = [
  { name: 'blob table', check: checkBlobTable },
  { name: 'backend', check: checkBackend },
  { name: 'chunk tables', check: checkBlobMetas },
  { name: 'original layers', check: checkLayersKept },
  { name: 'RAFS version of the bootstrap', check: checkVersion },
];

const BLOB_META = /^image\/([^/]*)\.blob\.meta$/;

function* checkBlobTable(opened: OpenedImage): Generator<Finding> {
  const { image, bootstrap } = opened;
  const where = placeIn(image, 'bootstrap');
  const layers = blobIdsOf(opened);
  const elsewhere = hasBlobsElsewhere(opened);
  const seen = new Set<string>();
  for (const [number, { record }] of bootstrap.blobs.entries()) {
    if (!layers.has(rafsBlobOf(record)) && !elsewhere) {
      yield finding('BOOTSTRAP-BLOB-TABLE', where, {
        message: `blob ${number} is not among the layers of the manifest`,
        found: rafsBlobOf(record),
      });
    }
    if (seen.has(record.id)) {
      yield finding('BOOTSTRAP-BLOB-TABLE', where, {
        message: `blob ${number} is listed twice`,
        found: record.id,
      });
    }
    seen.add(record.id);
  }
}

function* checkBackend(opened: OpenedImage): Generator<Finding> {
  if (!hasBlobsElsewhere(opened)) return;
  const { length } = opened.blobs;
  yield finding('BLOB-BACKEND', placeIn(opened.image, 'manifest'), {
    message: `the data lies in a storage backend: ${length === 1 ? 'one blob is' : `${length} blobs are`} not among the layers, and ${length === 1 ? 'was' : 'were'} not read`,
    found: opened.blobs[0]?.record.id,
  });
}

function* checkBlobMetas(opened: OpenedImage): Generator<Finding> {
  const { image, layer, bootstrap, version } = opened;
  const where = placeIn(image, `layer ${image.manifest.value.layers.length}`);
  const used = new Set(bootstrap.blobs.flatMap(({ record }) => [record.id, rafsBlobOf(record)]));
  const layers = blobIdsOf(opened);
  for (const name of layer.files.keys()) {
    const id = BLOB_META.exec(name)?.[1];
    if (id !== undefined && !layers.has(id) && !used.has(id)) {
      yield finding('BOOTSTRAP-BLOB-META-EXTRA', where, { message: `file ${name} belongs to no blob` });
    }
  }
  if (!versionNamed(version).blobsHaveToc) return;
  for (const blob of opened.blobs) {
    const { id } = blob.record;
    const file = blobMetaOf(layer, id);
    if (file === undefined) {
      if (!layers.has(id)) continue;
      const position = image.manifest.value.layers.findIndex(({ digest }) => digestHex(digest) === id);
      yield finding('BOOTSTRAP-BLOB-META-MISSING', where, {
        message: `there is no image/${id}.blob.meta for ${position < 0 ? 'the blob' : `layer ${position + 1}`}`,
      });
    } else if (!layers.has(id)) {
      yield* checkMetaFile(opened, blob, file);
    }
  }
}

function* checkVersion({ image, version }: OpenedImage): Generator<Finding> {
  const { layers } = image.manifest.value;
  const annotated = layers.at(-1)?.annotations?.[ANNOTATION.nydusFsVersion];
  if (annotated === undefined || annotated === String(version)) return; // a rule about the manifest says that it is missing
  yield finding('MANIFEST-FS-VERSION', placeIn(image, `layer ${layers.length}`), {
    message: `annotation ${ANNOTATION.nydusFsVersion} names another version than the bootstrap`,
    expected: String(version),
    found: annotated,
  });
}
