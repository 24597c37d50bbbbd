import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { Command } from 'commander';
import { compressSync } from 'lz4-napi';
import type { CliContext } from '../../../src/cli/context.js';
import { addCommand } from '../../../src/cli/command.js';
import { INSPECT } from '../../../src/cli/commands/inspect.js';
import { FormatError, LocalIoError, UsageError } from '../../../src/errors.js';
import { compress } from '../../../src/native/codec.js';
import { tocFlags } from '../../../src/rafs-builder/layout/blob.js';
import { writeV6 } from '../../second-opinion/write.js';
import { blobOfSections } from '../../support/images/blob-sections.js';
import { parseDump } from '../../support/images/dump-parser.js';
import { referenceText } from '../../support/images/fixtures.js';
import { v5Parts } from '../../support/images/v5-image.js';

const folder = mkdtempSync(join(tmpdir(), 'nydusify-ts-inspect-'));
after(() => {
  rmSync(folder, { recursive: true });
});

function storedFile(name: string, bytes: Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, bytes);
  return path;
}

const dump = referenceText('basic', 'v6-zstd', 'merged.dump');
const basicBytes = writeV6(parseDump(dump));
const basic = storedFile('basic.boot', basicBytes);
const overlay = storedFile(
  'overlay.boot',
  writeV6(parseDump(referenceText('overlay', 'v6-zstd', 'merged.dump'))),
);

async function inspect(
  ...args: readonly string[]
): Promise<{ readonly text: string; readonly exitCode: number }> {
  let text = '';
  const context: CliContext = {
    stdout: { write: (some) => (text += some) },
    stderr: { write: () => assert.fail('nothing goes to stderr') },
    env: { HOME: '/nonexistent' },
    columns: 80,
    signal: new AbortController().signal,
    exitCode: 0,
  };
  const program = new Command('nydusify').exitOverride();
  addCommand(program.command('inspect'), {
    table: INSPECT,
    context,
    argv: ['inspect', ...args],
    printsConfig: false,
  });
  await program.parseAsync(['inspect', ...args], { from: 'user' });
  return { text, exitCode: context.exitCode };
}

test('inspect shows a summary, what the audit says, and every name', async () => {
  const { text } = await inspect(basic);
  assert.match(text, /^RAFS v6, 28672 bytes, chunks of 1048576 bytes, zstd, blake3\n/);
  assert.match(text, /^audit {3}nothing found$/m);
  assert.match(text, /^lrwxrwxrwx +1 0:0 +3 \S+ \/bin\/sh -> app$/m);
});

test('inspect --dump prints the dump that the goldens hold', async () => {
  assert.equal((await inspect('--dump', basic)).text, dump);
});

test('inspect --at names structure and field, with offsets in either notation', async () => {
  const first = (text: string): string => text.slice(0, text.indexOf('\n'));
  assert.equal(
    first((await inspect('--at', '0x40e', basic)).text),
    '0x40e (1038): SuperBlock.rootNid = 128 (0x80)',
  );
  assert.equal(
    first((await inspect('--at', '1038', basic)).text),
    '0x40e (1038): SuperBlock.rootNid = 128 (0x80)',
  );
});

test('inspect --diff is silent and 0 for the same, and 1 for another image', async () => {
  assert.deepEqual(await inspect('--diff', basic, basic), { text: '', exitCode: 0 });
  const { text, exitCode } = await inspect('--diff', basic, overlay);
  assert.equal(exitCode, 1);
  assert.match(text, /^- \/bin\/app$/m);
});

test('inspect takes the bootstrap out of a RAFS blob, however the section is compressed', async () => {
  const { NONE, ZSTD, LZ4_BLOCK } = tocFlags.bits;
  const content = Buffer.from(basicBytes);
  const stored = {
    raw: { stored: content, flags: NONE },
    zstd: { stored: (await compress(content, 3)) ?? assert.fail(), flags: ZSTD },
    // The package puts the size in front of the block.
    lz4: { stored: compressSync(content).subarray(4), flags: LZ4_BLOCK },
  };
  for (const [how, section] of Object.entries(stored)) {
    const blob = blobOfSections([{ name: 'image.boot', content, ...section }]);
    assert.equal((await inspect('--dump', storedFile(`blob-${how}`, blob))).text, dump, how);
  }
});

test('inspect takes the bootstrap out of a v5 blob', async () => {
  const { blobs } = await v5Parts('smallfiles');
  const { text } = await inspect(storedFile('blob-v5', blobs[0] ?? assert.fail()));
  assert.match(text, /^RAFS v5, /);
  assert.match(text, /^audit {3}nothing found$/m);
});

test('inspect of a broken bootstrap fails, and says where to look', async () => {
  const broken = Buffer.from(basicBytes);
  broken.writeUInt16LE(0, 0x580 + 0x40);
  const path = storedFile('broken.boot', broken);
  await assert.rejects(inspect(path), (error) => error instanceof FormatError && error.offset === 0x5c0);
  assert.match((await inspect('--at', '0x5c0', path)).text, /DeviceSlot\.blocks = 0/);
});

test('inspect refuses what it cannot understand, each in its own way', async () => {
  await assert.rejects(inspect('--dump', '--at', '0', basic), UsageError);
  await assert.rejects(inspect('--diff', basic), UsageError);
  await assert.rejects(inspect(basic, overlay), UsageError);
  await assert.rejects(inspect('--at', '28672', basic), UsageError);
  await assert.rejects(inspect('--at', 'x', basic), UsageError);
  await assert.rejects(inspect(storedFile('noise', Buffer.alloc(5000, 'noise'))), FormatError);
  await assert.rejects(inspect(storedFile('empty', Buffer.alloc(0))), FormatError);
  await assert.rejects(inspect(join(folder, 'missing')), LocalIoError);
});
