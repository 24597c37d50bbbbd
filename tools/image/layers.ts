/**
 * The three layers of the image. Each changes less often than the next: libraries and certificates, Node, the program. A new version of
 * the program is a new last layer.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageOf } from '../../src/native/platforms.js';
import { nodeFolder } from '../../test/support/node-lines.js';
import type { Architecture } from './architectures.js';
import { directory, type Entry, type Layer, makeLayer, textFile } from './entries.js';
import type { Locked } from './lock.js';
import { descriptionOf, filesOfDebianPackage, filesOfTarball } from './unpacked.js';

/** The user who runs the program; images without a distribution have used this number for long. */
export const USER = 65532;
export const HOME = 'home/nonroot';
export const WORK = 'work';
export const NODE = 'usr/bin/node';
const MODULES = 'usr/lib/node_modules';
export const PROGRAM = `${MODULES}/nydusify-ts/dist/bundle/nydusify.js`;

/** Packages of Debian, and the files that the image takes from each beside its copyright. */
const DEBIAN: Readonly<Record<string, (path: string, architecture: Architecture) => boolean>> = {
  'base-files': (path) => path.startsWith('usr/share/common-licenses/') || path.endsWith('/os-release'),
  // Only for its copyright, which the others share by a link.
  'gcc-12-base': () => false,
  'ca-certificates': () => false,
  libc6: (path, { triplet, loader }) =>
    path === loader ||
    ['libc.so.6', 'libdl.so.2', 'libm.so.6', 'libpthread.so.0', loader.split('/')[1]].some(
      (name) => path === `lib/${triplet}/${name}`,
    ),
  'libgcc-s1': (path, { triplet }) => path === `lib/${triplet}/libgcc_s.so.1`,
  'libstdc++6': (path, { triplet }) => path.startsWith(`usr/lib/${triplet}/libstdc++.so.6`),
};

export const DEBIAN_PACKAGES: readonly string[] = Object.keys(DEBIAN);

/** What each user of a container finds: accounts, a home, a folder for results, and one for temporary files. */
const SYSTEM: readonly Entry[] = [
  textFile(
    'etc/passwd',
    `root:x:0:0:root:/root:/sbin/nologin\nnonroot:x:${USER}:${USER}:nonroot:/${HOME}:/sbin/nologin\n`,
  ),
  textFile('etc/group', `root:x:0:\nnonroot:x:${USER}:\n`),
  textFile('etc/nsswitch.conf', 'passwd: files\ngroup: files\nhosts: files dns\n'),
  directory(HOME, 0o755, USER),
  directory(WORK, 0o755, USER),
  directory('tmp', 0o1777),
  // Engines mount something here, and some need the folder.
  ...['dev', 'proc', 'sys'].map((path) => directory(path)),
];

/** `packages` are paths of packages of Debian, one for each of DEBIAN_PACKAGES. */
export async function systemLayer(architecture: Architecture, packages: readonly string[]): Promise<Layer> {
  const entries: Entry[] = [...SYSTEM];
  for (const path of packages) {
    const description = descriptionOf(path);
    const name = /^Package: (.*)$/m.exec(description)?.[1] ?? '';
    const files = await filesOfDebianPackage(path);
    const documentation = `usr/share/doc/${name}`;
    entries.push(
      ...files.filter((file) => DEBIAN[name]?.(file.path, architecture) === true),
      ...files.filter((file) => [documentation, `${documentation}/copyright`].includes(file.path)),
      // Scanners of images look here when there is no dpkg.
      textFile(`var/lib/dpkg/status.d/${name}`, description),
    );
    if (name === 'ca-certificates') entries.push(bundleOfCertificates(files));
  }
  return makeLayer('libraries and certificates of Debian', entries);
}

/** As Debian's update-ca-certificates makes it. */
function bundleOfCertificates(files: readonly Entry[]): Entry {
  const certificates = files
    .filter(({ path }) => path.startsWith('usr/share/ca-certificates/') && path.endsWith('.crt'))
    .sort((a, b) => (a.path < b.path ? -1 : 1))
    .map(({ content }) => Buffer.from(content ?? []).toString('latin1'));
  return textFile('etc/ssl/certs/ca-certificates.crt', certificates.join(''));
}

export async function nodeLayer({ version, sha256 }: Locked, { node }: Architecture): Promise<Layer> {
  const folder = nodeFolder(version, node);
  const program = readFileSync(join(folder, 'node'));
  if (sha256 !== createHash('sha256').update(program).digest('hex'))
    throw new Error(`${folder}/node is not the file that tools/image/lock.txt names`);
  return makeLayer(`Node ${version}`, [
    { kind: 'file', path: NODE, mode: 0o755, content: program },
    {
      kind: 'file',
      path: 'usr/share/doc/node/LICENSE',
      mode: 0o644,
      content: readFileSync(join(folder, 'LICENSE')),
    },
  ]);
}

/** Files of the packages that only people, compilers and shells read. */
const NOT_RUN = /^(?:README\.md|CHANGELOG\.md|dist\/man\/.*|.*\.d\.ts|dist\/bundle\/nydusify)$/;

/** Puts both packages where npm would. */
export async function programLayer(
  version: string,
  { addon }: Architecture,
  tarballs: { readonly main: string; readonly addon: string },
): Promise<Layer> {
  const installed = async (name: string, tarball: string): Promise<readonly Entry[]> =>
    (await filesOfTarball(tarball))
      .filter(({ path }) => !NOT_RUN.test(path))
      .map((entry) => ({ ...entry, path: `${MODULES}/${name}/${entry.path}` }));
  return makeLayer(`nydusify-ts ${version}`, [
    ...(await installed('nydusify-ts', tarballs.main)),
    ...(await installed(packageOf(addon), tarballs.addon)),
  ]);
}
