/** What layouts and archives hold when the power fails at any moment of the run that writes them. */
import assert from 'node:assert/strict';
import { cp, mkdir, readFile, realpath, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { RegistryError } from '../../src/errors.js';
import { anonymous } from '../../src/registry/auth/credentials.js';
import { openSource, openTarget } from '../../src/registry/open.js';
import { runPowerCuts } from '../support/faults/cut-matrix.js';
import { SCENARIOS } from '../support/faults/cut-scenarios.js';
import { DISKS, missingFor } from '../support/faults/loop-disk.js';
import { survivors, type Survivors, traceArguments } from '../support/faults/power-cut.js';
import { buildImage, putImage } from '../support/images/image-builder.js';
import { readImage } from '../support/images/opaque-image.js';
import { file, layer } from '../support/images/tar.js';
import { needs } from '../support/needs.js';
import { productCommand } from '../support/project.js';
import { runTool } from '../support/run-tool.js';
import { place, tempFolder } from '../support/temp-folder.js';

const options = { credentials: anonymous };
const image = buildImage({ layers: [layer(file('a', 'first')), layer(file('b', 'second'.repeat(9000)))] });

/** Converts into `out`, and builds each disk that a failure may leave. Returns how many there are. */
async function tryAll(
  t: TestContext,
  target: (folder: string) => string,
  judge: (location: string, disk: Survivors) => Promise<void>,
): Promise<number> {
  const folder = await realpath(await tempFolder(t));
  const source = `oci:${folder}/source:1`;
  {
    await using opened = openTarget(source, options);
    await putImage(opened, image);
  }
  const out = join(folder, 'out');
  await mkdir(out);
  const log = join(folder, 'calls');
  const command = [process.execPath, productCommand, 'convert', source, target(out)];
  const work = join(folder, 'work');
  await mkdir(work, { mode: 0o700 });
  await runTool(
    'strace',
    [...traceArguments(log), ...command, '--work-dir', work, '--platform', 'linux/amd64'],
    {
      env: { PATH: process.env['PATH'] ?? '', HOME: '/nonexistent' },
    },
  );
  const disks = survivors(await readFile(log, 'utf8'), out);
  const left = join(folder, 'left');
  for (const disk of disks) {
    await mkdir(left);
    for (const [path, isWhole] of disk) {
      const to = join(left, path);
      if (isWhole && !path.includes('.part-') && !path.includes('nydusify-')) {
        await mkdir(dirname(to), { recursive: true });
        await cp(join(out, path), to).catch(() => undefined);
      } else await place(dirname(to), path.slice(path.lastIndexOf('/') + 1), '');
    }
    await judge(target(left), disk);
    await rm(left, { recursive: true });
  }
  return disks.length;
}

async function isThereWhole(location: string, disk: Survivors): Promise<boolean> {
  await using source = openSource(location, options);
  try {
    await source.resolve();
  } catch (error) {
    const isAbsent = error instanceof RegistryError || /no such file/.test(String(error));
    assert.ok(isAbsent, `${String(error)} with ${JSON.stringify([...disk])}`);
    return false;
  }
  await assert.doesNotReject(readImage(source), JSON.stringify([...disk]));
  return true;
}

async function judgeAll(t: TestContext, target: (folder: string) => string): Promise<void> {
  if (!needs(t, 'strace')) return;
  const seen = { absent: 0, whole: 0 };
  const count = await tryAll(t, target, async (location, disk) => {
    seen[(await isThereWhole(location, disk)) ? 'whole' : 'absent']++;
  });
  assert.ok(count >= 3 && seen.absent > 0 && seen.whole > 0, JSON.stringify({ count, ...seen }));
  t.diagnostic(`${count} disks: ${seen.absent} without the tag, ${seen.whole} with the whole image`);
}

test('whenever the power fails, a layout has no tag or the whole image', async (t) => {
  await judgeAll(t, (folder) => `oci:${folder}/deep/layout:1`);
});

test('whenever the power fails, an archive has no tag or the whole image', async (t) => {
  await judgeAll(t, (folder) => `oci-archive:${folder}/archive.tar:1`);
});

test('a disk that is copied while a run writes to it has no tag or the whole image, and the next run completes it', async (t) => {
  const reason = missingFor(DISKS[0]);
  if (reason !== undefined) {
    t.skip(reason);
    return;
  }
  if (!needs(t, 'skopeo')) return;
  const disks = [DISKS[0]];
  const scenarios = SCENARIOS.slice(1, 3);
  for (const { scenario, verdicts } of await runPowerCuts({ disks, scenarios, moments: 9 })) {
    assert.deepEqual([...new Set(verdicts.flatMap(({ faults }) => faults))], [], scenario);
    assert.ok(verdicts.some(({ tag }) => tag === 'the image'));
  }
  const [control] = await runPowerCuts({ disks, scenarios: [SCENARIOS[0]], moments: 6, isControl: true });
  assert.ok(
    control?.verdicts.some(({ faults }) => faults.length > 0),
    'without synchronising, promises are broken',
  );
});
