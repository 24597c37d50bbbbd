/**
 * These rules compare a bootstrap with its image: its blobs are the layers, and the layer's tar holds their chunk
 * tables.
 */
import { digestHex } from '../oci/digest.js';
import { versionNamed } from '../rafs-builder/versions.js';
import { ANNOTATION } from '../oci/media-types.js';
import { finding, type Finding } from './finding.js';
import { blobMetaOf } from '../image/bootstrap-layer.js';
import { blobIdsOf, type OpenedImage } from './opened.js';
import type { Rule } from './rule.js';
import { placeIn } from './subject.js';

export const bootstrapRules: readonly Rule<OpenedImage>[] = [
  { name: 'blob table', check: checkBlobTable },
  { name: 'chunk tables', check: checkBlobMetas },
  { name: 'RAFS version of the bootstrap', check: checkVersion },
];

const BLOB_META = /^image\/([^/]*)\.blob\.meta$/;

function* checkBlobTable({ image, bootstrap }: OpenedImage): Generator<Finding> {
  const where = placeIn(image, 'bootstrap');
  const layers = blobIdsOf(image);
  const seen = new Set<string>();
  for (const [number, { record }] of bootstrap.blobs.entries()) {
    if (!layers.has(record.id)) {
      yield finding('BOOTSTRAP-BLOB-TABLE', where, {
        message: `blob ${number} is not among the layers of the manifest`,
        found: record.id,
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

function* checkBlobMetas({ image, layer, bootstrap, version }: OpenedImage): Generator<Finding> {
  const where = placeIn(image, `layer ${image.manifest.value.layers.length}`);
  const layers = blobIdsOf(image);
  for (const name of layer.files.keys()) {
    const id = BLOB_META.exec(name)?.[1];
    if (id !== undefined && !layers.has(id)) {
      yield finding('BOOTSTRAP-BLOB-META', where, { message: `file ${name} belongs to no layer` });
    }
  }
  if (!versionNamed(version).blobsHaveToc) return;
  for (const { record } of bootstrap.blobs) {
    if (blobMetaOf(layer, record.id) !== undefined || !layers.has(record.id)) continue;
    const position = image.manifest.value.layers.findIndex(({ digest }) => digestHex(digest) === record.id);
    yield finding('BOOTSTRAP-BLOB-META-MISSING', where, {
      message: `there is no image/${record.id}.blob.meta for layer ${position + 1}`,
    });
  }
}

function* checkVersion({ image, version }: OpenedImage): Generator<Finding> {
  const { layers } = image.manifest.value;
  const told = layers.at(-1)?.annotations?.[ANNOTATION.nydusFsVersion];
  if (told === undefined || told === String(version)) return; // a rule about the manifest says that it is missing
  yield finding('MANIFEST-FS-VERSION', placeIn(image, `layer ${layers.length}`), {
    message: `annotation ${ANNOTATION.nydusFsVersion} tells another version than the bootstrap`,
    expected: String(version),
    found: told,
  });
}
