/** umoci as a judge: what an OCI image unpacks to, by someone else's reading of the specification. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { listTree } from './reference.js';
import { runTool } from './tools.js';

interface Unpacked {
  /** The tree as canonical lines. */
  readonly tree: string;
  /** Seconds since 1970 when unpacking began: what was made without an entry of its own is no older. */
  readonly startedSeconds: number;
}

interface LayoutIndex {
  readonly manifests: readonly { readonly digest: string; readonly annotations?: Record<string, string> }[];
}
interface LayoutManifest {
  readonly layers: readonly { readonly mediaType: string }[];
}

const UNPACKABLE = ['application/vnd.oci.image.layer.v1.tar', 'application/vnd.oci.image.layer.v1.tar+gzip'];

async function readJson(path: string): Promise<unknown> {
  return JSON.parse(await readFile(path, 'utf8'));
}

/** Whether all layers of `layout:tag` are of the kinds that umoci reads: OCI, gzip or plain. */
async function isUnpackable(layout: string, tag: string): Promise<boolean> {
  const index = (await readJson(join(layout, 'index.json'))) as LayoutIndex; // a layout, by its specification
  const found = index.manifests.find(
    (manifest) => manifest.annotations?.['org.opencontainers.image.ref.name'] === tag,
  );
  if (found === undefined) throw new Error(`${layout} has no tag ${tag}`);
  const blob = join(layout, 'blobs', ...found.digest.split(':'));
  const manifest = (await readJson(blob)) as LayoutManifest; // likewise
  return manifest.layers.every(({ mediaType }) => UNPACKABLE.includes(mediaType));
}

/** Unpacks `layout:tag` below `work` and lists it. Other compressions are first brought to gzip by skopeo. Needs root. */
export async function umociTree(layout: string, tag: string, work: string): Promise<Unpacked> {
  let image = `${layout}:${tag}`;
  if (!(await isUnpackable(layout, tag))) {
    const plain = `${join(work, 'gzip-layout')}:${tag}`;
    const gzip = ['--format', 'oci', '--dest-compress', '--dest-compress-format', 'gzip'];
    await runTool('skopeo', ['copy', '--quiet', ...gzip, `oci:${image}`, `oci:${plain}`]);
    image = plain;
  }
  const bundle = join(work, 'bundle');
  const startedSeconds = Math.floor(Date.now() / 1000);
  await runTool('umoci', ['unpack', '--image', image, bundle]);
  return { tree: await listTree(join(bundle, 'rootfs')), startedSeconds };
}
