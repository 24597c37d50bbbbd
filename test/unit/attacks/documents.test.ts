/**
 * Manifests, indexes and configs of a hostile image. A conversion makes the image that all clients see, or ends with one sentence; it
 * asks for nothing but what lies in the repository.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { checkImage } from '../../../src/check/check.js';
import { convertImage } from '../../../src/convert/convert.js';
import { InternalError, NydusError } from '../../../src/errors.js';
import type { Descriptor } from '../../../src/oci/descriptor.js';
import { sha256 } from '../../../src/oci/digest.js';
import { MEDIA } from '../../../src/oci/media-types.js';
import { file, layer } from '../../support/images/tar.js';
import { type Json, MemoryStore } from '../../support/registries/memory-store.js';

const tar = layer(file('app', 'good'));
const evil = layer(file('app', 'evil'));

/** A layer as a descriptor, an object to be changed. */
const put = (store: MemoryStore, bytes: Uint8Array): Json => ({
  ...store.put(MEDIA.ociLayerGzip, gzipSync(bytes)),
});

function config(store: MemoryStore, more: Json = {}): Json {
  return {
    ...store.putJson(MEDIA.ociConfig, {
      os: 'linux',
      architecture: 'amd64',
      rootfs: { type: 'layers', diff_ids: [sha256(tar)] },
      history: [{ created_by: 'a' }],
      ...more,
    }),
  };
}

function manifest(store: MemoryStore, more: (layer: Json) => Json = () => ({})): Descriptor {
  const good = put(store, tar);
  return store.putJson(MEDIA.ociManifest, {
    schemaVersion: 2,
    mediaType: MEDIA.ociManifest,
    config: config(store),
    layers: [good],
    ...more(good),
  });
}

const index = (store: MemoryStore, manifests: readonly unknown[], more: Json = {}): Descriptor =>
  store.putJson(MEDIA.ociIndex, { schemaVersion: 2, mediaType: MEDIA.ociIndex, manifests, ...more });

/** A document as text, for what no object can say. */
const text = (store: MemoryStore, mediaType: string, json: string): Descriptor =>
  store.put(mediaType, Buffer.from(json));

interface Attack {
  readonly attack: string;
  readonly image: (store: MemoryStore) => Descriptor;
  /** The sentence with which the run ends, or its result: an image without a fault, or one of which a check says what is wrong. */
  readonly ends: 'converted' | 'found by check' | RegExp;
}

const wrongDescriptor = (attack: string, change: Json, ends: Attack['ends']): Attack => ({
  attack,
  image: (store) => manifest(store, (good) => ({ layers: [{ ...good, ...change }] })),
  ends,
});

const ATTACKS: readonly Attack[] = [
  {
    attack: 'layers under a name in another case, which Go reads and others do not',
    image: (store) => manifest(store, () => ({ Layers: [put(store, evil)] })),
    ends: /"Layers" is "layers" to some clients/,
  },
  {
    attack: 'a name with a letter that Go takes for an s',
    image: (store) => manifest(store, () => ({ 'layer\u017f': [put(store, evil)] })),
    ends: /is "layers" to some clients/,
  },
  {
    attack: 'a digest under a name in another case, in a descriptor',
    image: (store) => manifest(store, (good) => ({ layers: [{ ...good, Digest: sha256(evil) }] })),
    ends: /"Digest" is "digest" to some clients/,
  },
  {
    attack: 'diff_ids under a name in another case, in the config',
    image: (store) =>
      manifest(store, () => ({
        config: config(store, { RootFS: { type: 'layers', diff_ids: [sha256(evil)] } }),
      })),
    ends: /"RootFS" is "rootfs" to some clients/,
  },
  {
    attack: 'layers that are listed twice under one name',
    image: (store) => {
      const good = JSON.stringify(put(store, tar));
      const other = JSON.stringify(put(store, evil));
      const members = `"schemaVersion":2,"mediaType":"${MEDIA.ociManifest}","config":${JSON.stringify(config(store))}`;
      return text(store, MEDIA.ociManifest, `{${members},"layers":[${other}],"layers":[${good}]}`);
    },
    ends: /a member occurs twice/,
  },
  {
    attack: 'a digest that stands twice in one descriptor',
    image: (store) => {
      const good = JSON.stringify(put(store, tar)).replace('{', `{"digest":"${sha256(evil)}",`);
      const members = `"schemaVersion":2,"mediaType":"${MEDIA.ociManifest}","config":${JSON.stringify(config(store))}`;
      return text(store, MEDIA.ociManifest, `{${members},"layers":[${good}]}`);
    },
    ends: /a member occurs twice/,
  },
  {
    attack: 'a config whose rootfs stands twice',
    image: (store) => {
      const other = `{"type":"layers","diff_ids":["${sha256(evil)}"]}`;
      const good = `{"type":"layers","diff_ids":["${sha256(tar)}"]}`;
      const own = text(
        store,
        MEDIA.ociConfig,
        `{"os":"linux","architecture":"amd64","rootfs":${other},"rootfs":${good}}`,
      );
      return manifest(store, () => ({ config: own }));
    },
    ends: /a member occurs twice/,
  },
  {
    attack: 'a document that is a manifest and an index, without a media type',
    image: (store) => manifest(store, () => ({ mediaType: undefined, manifests: [] })),
    ends: /fields of both an index and an image manifest/,
  },
  {
    attack: 'an index that is listed as an image',
    image: (store) => index(store, [{ ...index(store, []), mediaType: MEDIA.ociManifest }]),
    ends: /index|no image/,
  },
  {
    attack: 'a manifest that is listed as an index',
    image: (store) => index(store, [{ ...manifest(store), mediaType: MEDIA.ociIndex }]),
    ends: /has no image/,
  },
  {
    attack: 'a manifest of Docker schema 1 under the type of OCI',
    image: (store) =>
      text(store, MEDIA.ociManifest, '{"schemaVersion":1,"name":"a","tag":"1","fsLayers":[]}'),
    ends: /schema 1/,
  },
  wrongDescriptor(
    'a layer with content of its own in data',
    { data: Buffer.from('evil').toString('base64') },
    'found by check',
  ),
  wrongDescriptor(
    'a layer that is to be fetched elsewhere (urls)',
    { urls: ['http://169.254.169.254/latest', 'file:///etc/passwd'] },
    /lies outside of its registry/,
  ),
  wrongDescriptor('a layer of a negative size', { size: -1 }, /size/),
  wrongDescriptor('a layer whose size no number holds', { size: 2 ** 60 }, /size/),
  wrongDescriptor('a layer whose size is a text or a fraction', { size: '12' }, /size/),
  wrongDescriptor('a layer that is longer than its size', { size: 10 }, /more than the 10 bytes/),
  wrongDescriptor('a layer that is shorter than its size', { size: 1e9 }, /ends after/),
  wrongDescriptor('a digest in upper case', { digest: `sha256:${'A'.repeat(64)}` }, /not a sha256 digest/),
  wrongDescriptor(
    'a digest with a path behind it',
    { digest: `sha256:${'a'.repeat(64)}/../x` },
    /not a sha256 digest/,
  ),
  wrongDescriptor('a digest of another kind', { digest: `md5:${'a'.repeat(32)}` }, /not a sha256 digest/),
  {
    attack: 'a config that is a layer',
    image: (store) => manifest(store, (good) => ({ config: { ...good, mediaType: MEDIA.ociConfig } })),
    ends: /image config: not JSON/,
  },
  {
    attack: 'a layer that is the config',
    image: (store) => {
      const own = config(store);
      return manifest(store, () => ({ config: own, layers: [{ ...own, mediaType: MEDIA.ociLayerGzip }] }));
    },
    ends: /tar|diffID|archive/,
  },
  {
    attack: 'one digest with two sizes',
    image: (store) =>
      manifest(store, (good) => ({
        config: config(store, { rootfs: { type: 'layers', diff_ids: [sha256(tar), sha256(tar)] } }),
        layers: [good, { ...good, size: Number(good['size']) + 1 }],
      })),
    ends: /is listed with two sizes/,
  },
  {
    attack: 'fewer diffIDs than layers',
    image: (store) => manifest(store, (good) => ({ layers: [good, put(store, evil)] })),
    ends: /diffID|diff_ids|layers/,
  },
  {
    attack: 'the diffID of another layer',
    image: (store) =>
      manifest(store, () => ({
        config: config(store, { rootfs: { type: 'layers', diff_ids: [sha256(evil)] } }),
      })),
    ends: /diffID/,
  },
  {
    attack: 'a manifest whose subject is itself, by a digest that cannot be, or another',
    image: (store) => manifest(store, (good) => ({ subject: { ...good, mediaType: MEDIA.ociManifest } })),
    ends: 'converted',
  },
  {
    attack: 'a platform that is a path, and one with line breaks',
    image: (store) =>
      index(store, [
        { ...manifest(store), platform: { os: '../../..', architecture: '/etc\n', variant: '..' } },
        { ...manifest(store), platform: { os: 'linux', architecture: 'amd64' } },
      ]),
    ends: 'converted',
  },
  {
    attack: 'annotations named like the members of every object',
    image: (store) =>
      text(
        store,
        MEDIA.ociManifest,
        `{"schemaVersion":2,"mediaType":"${MEDIA.ociManifest}","config":${JSON.stringify(config(store))},"layers":[${JSON.stringify(put(store, tar))}],"annotations":{"__proto__":"a","constructor":"b","toString":"c"},"__proto__":{"layers":[]},"toJSON":"x"}`,
      ),
    ends: 'converted',
  },
  {
    attack: 'annotations that are no texts',
    image: (store) => manifest(store, () => ({ annotations: { a: 1, b: {} } })),
    ends: /annotations/,
  },
  {
    attack: 'numbers beyond all numbers, in fields that nothing reads',
    image: (store) =>
      text(
        store,
        MEDIA.ociManifest,
        `{"schemaVersion":2,"mediaType":"${MEDIA.ociManifest}","config":${JSON.stringify(config(store))},"layers":[${JSON.stringify(put(store, tar))}],"x":1e99999,"y":-0,"z":123456789012345678901234567890}`,
      ),
    ends: 'converted',
  },
  {
    attack: 'bytes that are no UTF-8, and a mark of the byte order',
    image: (store) =>
      store.put(
        MEDIA.ociManifest,
        Buffer.concat([
          Buffer.from('{"schemaVersion":2,"x":"'),
          Buffer.from([0xff, 0xfe]),
          Buffer.from('"}'),
        ]),
      ),
    ends: /not JSON/,
  },
];

for (const { attack, image, ends } of ATTACKS) {
  test(`a hostile document: ${attack}`, { concurrency: true, timeout: 20_000 }, async () => {
    const source = new MemoryStore('memory.test/source:1');
    source.root = image(source);
    const target = new MemoryStore('memory.test/target:1');
    const outcome = await convertImage({ source, target }, { threads: 1, mergePlatform: true }).catch(
      (error: unknown) => error,
    );
    if (typeof ends === 'string') {
      assert.ok(!(outcome instanceof Error), String(outcome));
      // A check reads both halves and every file, against the source.
      const { findings } = await checkImage({ source, target });
      const errors = findings.filter(({ severity }) => severity === 'error');
      if (ends === 'converted') assert.deepEqual(errors, []);
      else assert.notEqual(errors.length, 0);
      return;
    }
    assert.ok(outcome instanceof NydusError && !(outcome instanceof InternalError), String(outcome));
    assert.match(outcome.message, ends);
    assert.equal(target.root, undefined, 'nothing is tagged');
  });
}
