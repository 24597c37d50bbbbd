/**
 * `npm run addon-digests -- LAYOUT TARBALL…`: converts every tag of an OCI layout with each packed addon that this machine can run, in a
 * fresh root of that addon's C library and processor, and with this tree; prints the digests, and ends with 1 when two of an image differ.
 * TARBALLs are the main package and those of linux platforms, as `npm run build:platforms` makes them. Needs root, mmdebstrap, and for
 * another processor qemu-user-static.
 */
import { execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { productCommand } from '../../test/support/project.js';
import { DebianRoot, type Libc } from './debian-root.js';

const PLATFORM = /-linux-(x64|arm64)-(gnu|musl)-[^-]*\.tgz$/;
const DEBIAN: Readonly<Record<string, string>> = { x64: 'amd64', arm64: 'arm64' };
const DIGEST = /sha256:[0-9a-f]{64}/g;

const [layout, ...tarballs] = process.argv.slice(2);
const program = tarballs.find((name) => !PLATFORM.test(name) && !name.includes('-darwin-'));
if (layout === undefined || program === undefined)
  throw new Error('usage: npm run addon-digests -- LAYOUT MAIN-TARBALL PLATFORM-TARBALL…');

const tags = tagsOf(layout);
const expected = new Map(tags.map((image) => [image, convertHere(layout, image)]));
for (const [image, digest] of expected) console.log(`${image.padEnd(12)} this tree    ${digest}`);
for (const tarball of tarballs) {
  const [, cpu, libc] = PLATFORM.exec(tarball) ?? [];
  if (cpu !== undefined) compare(tarball, cpu, libc as Libc);
}

function compare(tarball: string, cpu: string, libc: Libc): void {
  const folder = mkdtempSync(join(tmpdir(), 'nydusify-digests-'));
  try {
    const root = new DebianRoot(folder, DEBIAN[cpu] ?? cpu, libc);
    root.make();
    root.addNode();
    root.install([program ?? '', tarball]);
    // The name of the source stands in the manifest, so the layout lies there where it lies here.
    const images = resolve(layout ?? '');
    cpSync(images, root.path(images.slice(1)), { recursive: true });
    for (const image of tags) {
      const { output, seconds } = root.run(
        'nydusify',
        ...['convert', `oci:${images}:${image}`, `oci:/nydus:${image}`],
      );
      const digest = output.match(DIGEST)?.at(-1);
      const equal = digest === expected.get(image);
      if (!equal) process.exitCode = 1;
      const verdict = equal ? 'equal' : `DIFFERENT: ${digest ?? 'nothing'}`;
      console.log(`${image.padEnd(12)} ${`${cpu}-${libc}`.padEnd(12)} ${verdict}, ${seconds.toFixed(1)} s`);
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function convertHere(from: string, image: string): string | undefined {
  const folder = mkdtempSync(join(tmpdir(), 'nydusify-digests-'));
  try {
    const target = `oci:${join(folder, 'nydus')}:${image}`;
    const args = ['convert', `oci:${resolve(from)}:${image}`, target];
    const output = execFileSync(process.execPath, [productCommand, ...args], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    return output.match(DIGEST)?.at(-1);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function tagsOf(folder: string): readonly string[] {
  const { manifests } = JSON.parse(readFileSync(join(folder, 'index.json'), 'utf8')) as {
    readonly manifests: readonly { readonly annotations?: Readonly<Record<string, string>> }[];
  };
  return manifests.flatMap(({ annotations }) => annotations?.['org.opencontainers.image.ref.name'] ?? []);
}
