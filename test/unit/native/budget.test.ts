/** One budget for a run: what its images take is added up, and the sum does not depend on when and in which pieces bytes arrive. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { UnsupportedError } from '../../../src/errors.js';
import type { Budget } from '../../../src/limits.js';
import { openBudget } from '../../../src/native/budget.js';
import { openImageScanner } from '../../../src/native/scanner.js';
import { ArchiveUnpacker } from '../../../src/native/unpack.js';
import { endMarker, file, tarBytes } from '../../support/images/tar.js';
import { tempFolder } from '../../support/temp-folder.js';

/** Entries that take far more than their compressed bytes earn, with bytes that earn something between them. */
const LAYER = gzipSync(
  tarBytes([
    ...Array.from({ length: 3000 }, () => file('d'.repeat(200))),
    file('noise', createHash('shake256', { outputLength: 20_000 }).digest()),
    ...Array.from({ length: 3000 }, () => file('e'.repeat(200))),
    endMarker(),
  ]),
);

async function scan(layers: readonly Uint8Array[], budget: Budget, piece: number): Promise<void> {
  await Promise.all(
    layers.map(async (bytes) => {
      using scanner = openImageScanner({ chunkSize: 4096, dedup: 'layer', threads: 1, budget });
      const layer = scanner.openLayer(0);
      for (let at = 0; at < bytes.length; at += piece) await layer.write(bytes.subarray(at, at + piece));
      await layer.finish();
    }),
  );
}

/** True if the layers, each of an image of its own, keep within a limit. */
async function fits(layers: readonly Uint8Array[], maxMetadata: number, piece = 65_536): Promise<boolean> {
  try {
    await scan(layers, openBudget({ maxMetadata }), piece);
    return true;
  } catch (error) {
    assert.ok(error instanceof UnsupportedError && /exceeds a limit: its metadata/.test(error.message));
    assert.deepEqual(error.remedy, { kind: 'raise-limit', limit: 'maxMetadata' });
    return false;
  }
}

/** The smallest limit that the layers keep. */
async function smallest(layers: readonly Uint8Array[], piece?: number): Promise<number> {
  let [low, high] = [0, 16 << 20];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (await fits(layers, middle, piece)) high = middle;
    else low = middle + 1;
  }
  return low;
}

test('images of one run share one budget, to the byte, whatever arrives first', async () => {
  const one = await smallest([LAYER]);
  assert.ok(one > 100_000, `${one}`);
  assert.deepEqual(await fits([LAYER, LAYER], 2 * one), true);
  for (let round = 0; round < 5; round++) assert.deepEqual(await fits([LAYER, LAYER], 2 * one - 1), false);
});

test('what a layer takes does not depend on the pieces in which it arrives', async () => {
  const one = await smallest([LAYER]);
  for (const piece of [100, 16_384, 20_000, LAYER.length]) {
    assert.deepEqual(await fits([LAYER], one, piece), true, `${piece}`);
    assert.deepEqual(await fits([LAYER], one - 1, piece), false, `${piece}`);
  }
});

test('unpacked archives are charged to the limit for disks, together', async (t) => {
  const folder = await tempFolder(t);
  const bytes = gzipSync(tarBytes([file('zeros', Buffer.alloc(4_000_000)), endMarker()]));
  const unpack = async (name: string, budget: Budget): Promise<void> => {
    const unpacker = new ArchiveUnpacker(join(folder, name), budget);
    await unpacker.write(bytes, Number.MAX_SAFE_INTEGER);
    await unpacker.finish(Number.MAX_SAFE_INTEGER);
  };
  const budget = openBudget({ maxDisk: 6_000_000 });
  await unpack('one', budget);
  await assert.rejects(unpack('two', budget), (error) => {
    assert.ok(error instanceof UnsupportedError);
    assert.deepEqual(error.remedy, { kind: 'raise-limit', limit: 'maxDisk' });
    return /its archive unpacks to more than 6000000 bytes and 50 times its own size/.test(error.message);
  });
  await unpack('three', openBudget({ maxDisk: 6_000_000 }));
});

test('metadata that is charged from outside counts with that of layers', async () => {
  const budget = openBudget({ maxMetadata: 1000 });
  budget.chargeMetadata(600);
  assert.throws(() => {
    budget.chargeMetadata(600);
  }, UnsupportedError);
  await assert.rejects(scan([LAYER], budget, 65_536), UnsupportedError);
});
