/** The tables against sizes and numbers that the format's description names, and against what Rust is given. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import * as blob from '../../../../src/rafs-builder/layout/blob.js';
import * as v5 from '../../../../src/rafs-builder/layout/v5.js';
import * as v6 from '../../../../src/rafs-builder/layout/v6.js';
import * as wire from '../../../../src/rafs-builder/layout/wire.js';
import type { AnyStruct } from '../../../../src/rafs-builder/layout/struct.js';
import { projectRoot } from '../../../support/project.js';

const MODULES: Readonly<Record<string, object>> = { v5, v6, blob, wire };

function structsOf(tables: object): readonly (readonly [name: string, struct: AnyStruct])[] {
  return Object.entries(tables).filter(
    (entry): entry is [string, AnyStruct] => typeof entry[1] === 'object' && 'purpose' in entry[1],
  );
}

test('structures have the sizes of the format', () => {
  const sizes = Object.fromEntries(
    Object.entries(MODULES).map(([module, tables]) => [
      module,
      Object.fromEntries(structsOf(tables).map(([name, { size }]) => [name, size])),
    ]),
  );
  assert.deepEqual(sizes, {
    v5: {
      blobPrefix: 8,
      extendedBlob: 64,
      inode: 128,
      inodeTableEntry: 4,
      prefetchEntry: 4,
      superBlock: 8192,
      xattrPair: 4,
      xattrTotal: 8,
    },
    v6: {
      blobEntry: 256,
      chunkIndexEntry: 8,
      chunkInfo: 80,
      deviceSlot: 128,
      dirent: 12,
      extendedSuperBlock: 256,
      inodeCompact: 32,
      inodeExtended: 64,
      prefetchEntry: 4,
      superBlock: 128,
      xattrEntry: 4,
      xattrHeader: 12,
    },
    blob: {
      batchContext: 40,
      blobMetaHeader: 4096,
      chunkMeta: 16,
      chunkMetaV2: 24,
      tarHeader: 512,
      tocEntry: 128,
      zranContext: 40,
    },
    wire: { chunkRecord: 64, dictionaryChunk: 72, entryHead: 64, reference: 8, xattrHead: 8 },
  });
});

test('every field that has a meaning stands in Rust where it stands here', () => {
  const snake = (name: string): string => name.replace(/([a-z0-9])([A-Z])/g, '$1_$2').toLowerCase();
  for (const [module, tables] of Object.entries(MODULES)) {
    const source = readFileSync(join(projectRoot, 'native/layout/src', `${module}.rs`), 'utf8');
    for (const [name, struct] of structsOf(tables)) {
      const body = source.split(`pub mod ${snake(name)} {\n`)[1]?.split('\n}\n')[0] ?? '';
      const constants = Array.from(body.matchAll(/pub const (\w+): usize = (\w+);/g), ([, key, value]) => [
        key,
        Number(value),
      ]);
      const fields = struct.fields
        .filter(({ reserved }) => !reserved)
        .map((field) => [
          field.name === 'size' ? 'SIZE_FIELD' : snake(field.name).toUpperCase(),
          field.offset,
        ]);
      assert.deepEqual(constants, [['SIZE', struct.size], ...fields], `${module}.${name}`);
    }
  }
});
