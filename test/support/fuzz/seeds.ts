/** Sound inputs of each target, from which mutations start. */
import { readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { packImage } from '../images/pack.js';
import { dir, file, hardlink, layer, symlink, whiteout } from '../images/tar.js';
import { v5Parts } from '../images/v5-image.js';
import { openImagePacker } from '../../../src/native/packer.js';
import { PACK_DEFAULTS } from '../images/pack.js';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { removeFolder } from '../temp-folder.js';

const DIGEST = `sha256:${'0123456789abcdef'.repeat(4)}`;
const DESCRIPTOR = { mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip', digest: DIGEST, size: 1234 };

const TAR = layer(
  dir('etc', { mode: 0o1755 }),
  file('etc/motd', 'hello', { xattrs: { 'user.a': Buffer.from([0, 255]) }, mtime: 1.5 }),
  symlink('etc/link', 'motd'),
  hardlink('etc/hard', 'etc/motd'),
  file(`long/${'n'.repeat(150)}`, 'x'.repeat(5000)),
  whiteout('etc/old'),
);

const DOCUMENTS = [
  {
    schemaVersion: 2,
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    config: { ...DESCRIPTOR, mediaType: 'application/vnd.oci.image.config.v1+json' },
    layers: [DESCRIPTOR, { ...DESCRIPTOR, annotations: { 'containerd.io/snapshot/nydus-blob': 'true' } }],
    annotations: { a: 'b' },
  },
  {
    schemaVersion: 2,
    mediaType: 'application/vnd.oci.image.index.v1+json',
    manifests: [
      {
        ...DESCRIPTOR,
        mediaType: 'application/vnd.oci.image.manifest.v1+json',
        platform: {
          os: 'linux',
          architecture: 'arm',
          variant: 'v7',
          'os.features': ['nydus.remoteimage.v1'],
        },
      },
    ],
  },
];
const CONFIG = {
  os: 'linux',
  architecture: 'amd64',
  config: { Env: ['A=b'], Healthcheck: { Interval: 30 } },
  rootfs: { type: 'layers', diff_ids: [DIGEST, DIGEST] },
  history: [{ created_by: 'one' }, { created_by: 'two', empty_layer: true }, { created_by: 'three' }],
};

const TEXTS: Readonly<Record<string, readonly string[]>> = {
  references: ['nginx', 'docker.io/library/nginx:1.25', `host.test:5000/a/b:t@${DIGEST}`, '[::1]:5000/a'],
  locations: [
    'nginx',
    'oci:/tmp/layout:tag',
    'oci-archive:a.tar',
    `host.test:5000/a/b@${DIGEST}`,
    'docker-archive:a.tar',
  ],
  platforms: ['linux/amd64', 'linux/arm64/v8,linux/arm/v7', 'all', 'windows(10.0.17763)/amd64'],
  challenges: [
    'Basic realm="registry"',
    'Bearer realm="https://auth.test/token",service="registry.test",scope="repository:a/b:pull,push"',
    'Negotiate, Bearer realm="a\\"b", error="invalid_token"',
  ],
  'hosts.toml': [
    'server = "https://registry.test"\n[host."https://mirror.test"]\n  capabilities = ["pull", "resolve"]\n  ca = "/etc/ca.pem"\n  [host."https://mirror.test".header]\n    x-a = ["b"]\n',
    '[host."http://127.0.0.1:5000/v2"]\n  override_path = true\n  skip_verify = true\n  client = [["a", "b"]]\n',
  ],
  'docker config': [
    '{"auths":{"registry.test":{"auth":"dXNlcjpwYXNz"},"https://index.docker.io/v1/":{"identitytoken":"x"}}}',
    '{"auths":{"registry.test/a":{"username":"u","password":"p"}},"credHelpers":{"other.test":"ecr"}}',
  ],
  'manifests and indexes': DOCUMENTS.map((document) => JSON.stringify(document)),
  configs: [JSON.stringify(CONFIG)],
  JSON: [JSON.stringify(CONFIG, null, 2), '[1, -2.5e3, "\\u00e9\\ud83d\\ude00", null, true, {"a": {}}]'],
  'JSON edits': [JSON.stringify(CONFIG), JSON.stringify(CONFIG, null, '\t')],
};

/** Seeds of the target with this name. */
export async function seedsOf(name: string): Promise<readonly Buffer[]> {
  const texts = Object.hasOwn(TEXTS, name) ? TEXTS[name] : undefined;
  if (texts !== undefined) return texts.map((text) => Buffer.from(text));
  if (name.startsWith('layers')) return [Buffer.from(TAR), gzipSync(TAR).subarray()];
  if (name === 'archives of images')
    return [Buffer.from(TAR), layer(file('oci-layout', '{}'), file('index.json', '{}'))];
  const { blobs, bootstraps } = await packed();
  return name.startsWith('blob') ? blobs : bootstraps;
}

/** Blobs and bootstraps of both versions. */
async function packed(): Promise<{ readonly blobs: Buffer[]; readonly bootstraps: Buffer[] }> {
  const old = await v5Parts('symlinks');
  using image = await packImage([TAR, layer(file('etc/more', 'more'))]);
  const blobs = [...image.layers.map(({ blobPath }) => readFileSync(blobPath)), ...old.blobs];
  return { blobs, bootstraps: [await bootstrapOf(TAR), old.bootstrap] };
}

async function bootstrapOf(tar: Uint8Array): Promise<Buffer> {
  const folder = await mkdtemp(join(tmpdir(), 'nydusify-seed-'));
  using packer = openImagePacker(PACK_DEFAULTS);
  try {
    const opened = packer.openLayer(0, join(folder, 'blob'));
    await opened.write(tar);
    await opened.finish();
    await opened.seal();
    return Buffer.from((await packer.bootstrap([0])).bootstrap);
  } finally {
    await removeFolder(folder);
  }
}
