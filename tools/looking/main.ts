/**
 * `node dist/tools/looking.js [--image LOCATION] [--write]`: what looking into an image in its registry fetches. The image, any
 * that `convert` takes (`oci:DIR:TAG`; the demonstration image by default), is converted into a registry of our own, and so is
 * a next version of it: one more layer, with twenty changed files and the largest one changed in a few bytes. Then each
 * command is run once, and the registry counts. `--write` puts the table into docs/looking.md.
 */
import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { gzipSync } from 'node:zlib';
import { type ObservedRequest, startRegistry } from '../../src/embedded-registry/server.js';
import { collect, contentOf } from '../../src/io/streams.js';
import { sha256 } from '../../src/oci/digest.js';
import { MEDIA } from '../../src/oci/media-types.js';
import { parseManifest } from '../../src/oci/manifest.js';
import { displayName, type RawPath } from '../../src/oci/raw-name.js';
import type { FileInode } from '../../src/look/filesystem.js';
import { openFilesystem } from '../../src/look/open.js';
import type { TreeNode } from '../../src/rafs-builder/model/tree.js';
import { anonymous } from '../../src/registry/auth/credentials.js';
import { openSource, openTarget } from '../../src/registry/open.js';
import { file, layer } from '../../test/support/images/tar.js';
import { copyBetween, demoLayout } from '../demo/demo-registry.js';
import { writePageSection } from '../docs/page-section.js';
import { productCommand } from '../../test/support/project.js';

/** Files that differ in the next version of the image. */
const CHANGED_FILES = 20;
const SMALL = 64 * 1024;

interface FoundFile {
  readonly path: RawPath;
  readonly inode: FileInode;
}

function* filesOf(node: TreeNode, path = ''): Generator<FoundFile> {
  const { inode } = node;
  if (inode.kind === 'file') yield { path: path as RawPath, inode }; // names joined by '/'
  for (const [name, child] of node.children ?? [])
    yield* filesOf(child, path === '' ? name : `${path}/${name}`);
}

/** The files that the next version changes: small ones, evenly over the image, then the largest. */
async function chosenFiles(
  location: string,
): Promise<{ readonly small: readonly FoundFile[]; readonly largest: FoundFile; readonly layer: Buffer }> {
  await using source = openSource(location, { credentials: anonymous });
  const filesystem = await openFilesystem(source, { half: 'nydus' });
  const files = Array.from(filesOf(filesystem.root));
  const sized = files.filter(({ inode }) => inode.size > 0 && inode.size < SMALL);
  const every = Math.max(1, Math.floor(sized.length / CHANGED_FILES));
  const small = sized.filter((_, i) => i % every === 0).slice(0, CHANGED_FILES);
  const largest = files.reduce((a, b) => (b.inode.size > a.inode.size ? b : a));
  const content = async ({ inode, path }: FoundFile): Promise<Buffer> =>
    collect(filesystem.open(inode, path, {}), inode.size, path);
  const entries = [];
  for (const one of small) {
    const bytes = Buffer.concat([await content(one), Buffer.from('\nchanged in the next version\n')]);
    entries.push(file(Buffer.from(one.path, 'latin1'), bytes, { mode: one.inode.mode }));
  }
  const large = await content(largest);
  large.fill(0x21, large.length >> 1, (large.length >> 1) + 16);
  entries.push(file(Buffer.from(largest.path, 'latin1'), large, { mode: largest.inode.mode }));
  return { small, largest, layer: layer(...entries) };
}

interface ImageConfig {
  rootfs: { diff_ids: string[] };
  history?: object[];
}

/** Pushes `from` with one more layer as `to`; both are references of one repository. */
async function pushNextVersion(from: string, to: string, tar: Buffer): Promise<void> {
  await using source = openSource(from, { credentials: anonymous });
  await using target = openTarget(to, { credentials: anonymous });
  const descriptor = await source.resolve();
  const bytes = await collect(source.fetch(descriptor), descriptor.size, from);
  const { config } = parseManifest(bytes);
  const configJson = JSON.parse(
    (await collect(source.fetch(config), config.size, 'config')).toString('utf8'),
  ) as ImageConfig; // an image that was converted has one
  configJson.rootfs.diff_ids.push(sha256(tar));
  configJson.history?.push({ created_by: 'the next version' });
  const push = async (mediaType: string, content: Buffer): Promise<object> => {
    const part = { mediaType, digest: sha256(content), size: content.length };
    await target.push(part, contentOf(content));
    return part;
  };
  const manifest = JSON.parse(bytes.toString('utf8')) as { config: object; layers: object[] }; // parsed above
  manifest.config = await push(config.mediaType, Buffer.from(JSON.stringify(configJson)));
  const docker = config.mediaType === MEDIA.dockerConfig;
  manifest.layers.push(await push(docker ? MEDIA.dockerLayerGzip : MEDIA.ociLayerGzip, gzipSync(tar)));
  const root = Buffer.from(JSON.stringify(manifest));
  const next = { mediaType: descriptor.mediaType, digest: sha256(root), size: root.length };
  await target.push(next, contentOf(root));
  await target.tag(next, root);
}

/** Runs the built command, and gives its last line on standard error. Throws when it fails; 1 says that images differ. */
async function nydusify(...args: readonly string[]): Promise<string> {
  const child = spawn(process.execPath, [productCommand, ...args], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const parts: Buffer[] = [];
  for await (const part of child.stderr) parts.push(part as Buffer); // a Readable without encoding
  const text = Buffer.concat(parts).toString('utf8').trim();
  const code = child.exitCode ?? (await new Promise<number>((resolve) => child.once('exit', resolve)));
  if (code > 1) throw new Error(`nydusify ${args.join(' ')}: ${text}`);
  return text.split('\n').at(-1) ?? '';
}

/** Requests and bytes from the line of `--stats`. */
const STATS = /^(\d+) requests?, ([\d.]+ \w+)(?:, ([\d.]+ %) of the ([\d.]+ \w+) of the images?)?$/;

async function measure(
  command: readonly string[],
  shown: string,
  requests: readonly ObservedRequest[],
): Promise<string> {
  const before = requests.length;
  const stats = await nydusify(...command.slice(0, 1), '--stats', ...command.slice(1));
  const seen = requests.length - before;
  const [, reported, bytes, share, all] = STATS.exec(stats) ?? [];
  if (reported === undefined) throw new Error(`${shown} ends with "${stats}"`);
  if (Number(reported) !== seen)
    throw new Error(`${shown} reports ${reported} requests, the registry saw ${seen}`);
  return `| \`${shown}\` | ${reported} | ${bytes ?? ''} | ${share ?? '-'} | ${all ?? '-'} |`;
}

async function table(image: string, name: string): Promise<string> {
  const root = await mkdtemp(join(tmpdir(), 'nydusify-looking-'));
  const requests: ObservedRequest[] = [];
  const registry = await startRegistry({ root, observe: (request) => requests.push(request) });
  try {
    const [one, two] = [`${registry.host}/app:1`, `${registry.host}/app:2`];
    const [first, second] = [`${one}-nydus`, `${two}-nydus`];
    process.stderr.write(`converting ${name}\n`);
    await copyBetween(image, one);
    await nydusify('convert', '--merge-platform', one, first);
    const { small, largest, layer: tar } = await chosenFiles(first);
    await pushNextVersion(one, two, tar);
    process.stderr.write('converting the next version\n');
    await nydusify('convert', '--merge-platform', two, second);
    const middle = small[small.length >> 1];
    const path = `/${displayName(middle?.path ?? largest.path)}`;
    const commands: readonly (readonly [command: readonly string[], shown: string])[] = [
      [['ls', first, '/'], 'ls IMAGE /'],
      [['stat', first, path], 'stat IMAGE FILE'],
      [['tree', first, '/'], 'tree IMAGE /'],
      [['du', first, '/'], 'du IMAGE /'],
      [['cat', first, path], `cat IMAGE FILE (${middle?.inode.size ?? 0} bytes)`],
      [['diff', first, second], 'diff OLD NEW'],
      [['diff', one, first], 'diff SOURCE IMAGE'],
    ];
    const rows: string[] = [];
    for (const [command, shown] of commands) {
      process.stderr.write(`${shown}\n`);
      rows.push(await measure(command, shown, requests));
    }
    return [
      `${name}, and a next version with a layer of ${small.length} changed small files and the largest one (${(largest.inode.size / 1e6).toFixed(1)} MB) changed in 16 bytes:`,
      ['| command | requests | bytes | share | of |', '| - | - | - | - | - |', ...rows].join('\n'),
    ].join('\n\n');
  } finally {
    await registry.close();
    await rm(root, { recursive: true, force: true });
  }
}

const { values } = parseArgs({
  options: { image: { type: 'string' }, write: { type: 'boolean', default: false } },
});
const image = values.image ?? `oci:${await demoLayout()}:demo`;
const name = values.image === undefined ? 'The demonstration image' : `\`${image.split(':').at(-1) ?? ''}\``;
const text = await table(image, name);
if (values.write) await writePageSection('looking.md', 'looking', text);
else process.stdout.write(`${text}\n`);
