/**
 * The whole program against real parts: an image that skopeo pushes to one docker-registry is converted into another, and
 * every judge looks at what came out.
 */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { judgeImage } from '../support/references/judges.js';
import { needs } from '../support/needs.js';
import { writeLayout, type LayoutLayer } from '../support/images/oci-layout.js';
import { startDockerRegistry } from '../support/registries/real-registries.js';
import { char, dir, fifo, file, hardlink, layer, opaque, symlink, whiteout } from '../support/images/tar.js';
import { runTool, tryRun } from '../support/run-tool.js';

const noise = (length: number, step: number): Buffer =>
  Buffer.from(Array.from({ length }, (_, i) => (i * i * step + (i >> 7)) & 0xff));

/** The value that `setcap cap_net_raw+ep` writes: revision 2, effective. */
const CAP_NET_RAW = Buffer.from('0100000200200000000000000000000000000000', 'hex');

/** Three layers that replace, hide, link and repeat one another's content. */
function layers(): LayoutLayer[] {
  const app = noise(3_000_000, 7);
  const base = layer(
    dir('.', { mode: 0o755, uid: 0 }),
    dir('bin'),
    file('bin/app', app, {
      mode: 0o4755,
      xattrs: { 'user.note': 'kept', 'security.capability': CAP_NET_RAW },
    }),
    hardlink('bin/app2', 'bin/app', { mode: 0o4755 }),
    symlink('bin/sh', 'app'),
    dir('dev', { mode: 0o700 }),
    char('dev/null', 1, 3, { mode: 0o666 }),
    fifo('dev/pipe', { mode: 0o600, uid: 3, gid: 4 }),
    dir('etc', { uid: 1000, gid: 1000, mtime: 1_600_000_000 }),
    file('etc/gone', 'soon'),
    file('etc/kept', 'text\n'),
    dir('var'),
    dir('var/cache'),
    file('var/cache/old', noise(5000, 5)),
    file(Buffer.from('var/caf\xe9', 'latin1'), 'no UTF-8'),
  );
  const changes = layer(
    dir('etc', { uid: 1000, gid: 1000, mtime: 1_600_000_001 }),
    whiteout('etc/gone'),
    dir('var'),
    dir('var/cache', { mode: 0o1777 }),
    opaque('var/cache'),
    file('var/cache/new', ''),
    dir('opt'),
    file('opt/copy-of-app', app),
    file('opt/more', Buffer.concat([app, Buffer.alloc(2_000_000)])),
  );
  const types = layer(file('dev', 'now a file'), dir('bin'), dir('bin/sh'), file('bin/sh/inside', 'x'));
  return [
    { tar: base, compression: 'gzip' },
    { tar: changes, compression: 'none' },
    { tar: types, compression: 'gzip' },
  ];
}

/** The program as a process of its own, from the same build as this test. */
const PROGRAM = join(import.meta.dirname, '..', '..', 'src', 'cli', 'process.js');
const START = 'const { runProcess } = await import(process.env.NYDUSIFY_MAIN); await runProcess();';

async function nydusify(...args: readonly string[]): Promise<void> {
  const env = { NYDUSIFY_MAIN: PROGRAM };
  // With --eval the first argument stands where a script's path would.
  const all = ['--input-type=module', '--eval', START, '--', 'nydusify', ...args];
  const { status, stdout, stderr } = await tryRun(process.execPath, all, { env });
  assert.equal(status, 0, `nydusify ${args.join(' ')}\n${stdout.toString('utf8')}\n${stderr}`);
}

/** skopeo 1.9.3, as Debian has it, knows no `artifactType` in an index; with the older mark alone it must copy every byte. */
const RUNS = [
  { title: 'with duplicates found across layers', flags: ['--dedup', 'image'] },
  { title: 'as the reference does it', flags: ['--dedup', 'layer', '--index-marks', 'os-features'] },
];

for (const { title, flags } of RUNS) {
  test(`an image converted between real registries ${title} passes every judge`, async (t) => {
    if (!needs(t, 'docker-registry', 'skopeo')) return;
    const folder = await mkdtemp(join(tmpdir(), 'nydus-e2e-'));
    try {
      await using from = await startDockerRegistry();
      await using to = await startDockerRegistry();
      const source = { layout: join(folder, 'layout'), tag: 'made' };
      await writeLayout(source.layout, source.tag, layers());
      const pushed = `${from.host}/small/app:1`;
      const target = `${to.host}/small/app:1-nydus`;
      const oci = `oci:${source.layout}:${source.tag}`;
      await runTool('skopeo', ['copy', '--dest-tls-verify=false', oci, `docker://${pushed}`]);
      await nydusify('convert', '--merge-platform', ...flags, pushed, target);
      await nydusify('check', target, pushed);
      for (const { judge, outcome, detail } of await judgeImage(target, source)) {
        await t.test(judge, (own) => {
          if (outcome === 'skipped') own.skip(detail);
          assert.notEqual(outcome, 'failed', detail);
        });
      }
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
}
