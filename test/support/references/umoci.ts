/** umoci as a judge: what an OCI image unpacks to, by someone else's reading of the specification. */
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { listTree } from './reference-builder.js';
import { runTool, tryRun } from '../run-tool.js';

export interface UmociTree {
  /** The tree as canonical lines. */
  readonly tree: string;
  /** Seconds since 1970 when unpacking began: what was made without an entry of its own is no older. */
  readonly startedSeconds: number;
}

interface LayoutIndex {
  readonly manifests: readonly { readonly digest: string; readonly annotations?: Record<string, string> }[];
}
interface LayoutManifest {
  readonly layers: readonly { readonly mediaType: string; readonly digest: string }[];
}

const UNPACKABLE = ['application/vnd.oci.image.layer.v1.tar', 'application/vnd.oci.image.layer.v1.tar+gzip'];

async function readJson(path: string): Promise<unknown> {
  return JSON.parse(await readFile(path, 'utf8'));
}

async function layersOf(layout: string, tag: string): Promise<LayoutManifest['layers']> {
  const index = (await readJson(join(layout, 'index.json'))) as LayoutIndex; // a layout, by its specification
  const found = index.manifests.find(
    (manifest) => manifest.annotations?.['org.opencontainers.image.ref.name'] === tag,
  );
  if (found === undefined) throw new Error(`${layout} has no tag ${tag}`);
  const manifest = (await readJson(blobPath(layout, found.digest))) as LayoutManifest; // likewise
  return manifest.layers;
}

function blobPath(layout: string, digest: string): string {
  return join(layout, 'blobs', ...digest.split(':'));
}

/** umoci knows no sparse entries; GNU tar, who made them up, does. It knows no whiteouts, so there may be none. */
async function gnuTarTree(layers: readonly string[], work: string): Promise<string> {
  const root = join(work, 'by-gnu-tar');
  await mkdir(root);
  const exact = ['--xattrs', '--xattrs-include=*', '--same-owner', '--same-permissions', '--numeric-owner'];
  for (const layer of layers) {
    const names = (await runTool('tar', ['--list', '--file', layer])).toString('latin1');
    if (names.includes('.wh.'))
      throw new Error('sparse entries and whiteouts in one image: no judge knows both');
    await runTool('tar', ['--extract', '--file', layer, '--directory', root, ...exact]);
  }
  return listTree(root);
}

/** Unpacks `layout:tag` below `work` and lists it. Other compressions are first brought to gzip by skopeo. Needs root. */
export async function umociTree(layout: string, tag: string, work: string): Promise<UmociTree> {
  const layers = await layersOf(layout, tag);
  let image = `${layout}:${tag}`;
  if (!layers.every(({ mediaType }) => UNPACKABLE.includes(mediaType))) {
    const plain = `${join(work, 'gzip-layout')}:${tag}`;
    const gzip = ['--format', 'oci', '--dest-compress', '--dest-compress-format', 'gzip'];
    await runTool('skopeo', ['copy', '--quiet', ...gzip, `oci:${image}`, `oci:${plain}`]);
    image = plain;
  }
  const bundle = join(work, 'bundle');
  const startedSeconds = Math.floor(Date.now() / 1000);
  const { status, stderr } = await tryRun('umoci', ['unpack', '--image', image, bundle]);
  if (status === 0) return { tree: await listTree(join(bundle, 'rootfs')), startedSeconds };
  if (!stderr.includes("unknown typeflag '\\x53'"))
    throw new Error(`umoci unpack ${image}: status ${status}\n${stderr}`);
  const files = layers.map(({ digest }) => blobPath(layout, digest));
  return { tree: await gnuTarTree(files, work), startedSeconds };
}
