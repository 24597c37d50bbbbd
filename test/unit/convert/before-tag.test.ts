/** `beforeTag`: the last word before a target's tag is set. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { convertImage } from '../../../src/convert/convert.js';
import type { ConvertOptions } from '../../../src/convert/options.js';
import { NydusError } from '../../../src/errors.js';
import { anonymous } from '../../../src/registry/auth/credentials.js';
import { parseLocation } from '../../../src/registry/location.js';
import { openSource, openTarget } from '../../../src/registry/open.js';
import { buildImage } from '../../support/images/image-builder.js';
import { store } from '../../support/images/folder-conversion.js';
import { file, layer } from '../../support/images/tar.js';
import { tempFolder } from '../../support/temp-folder.js';

class MovedError extends NydusError {
  readonly code = 'MOVED';
  readonly exitCode = 3;
}

const KINDS: readonly (readonly [title: string, options: Partial<ConvertOptions>])[] = [
  ['an image of its own', {}],
  ['a merged index', { mergePlatform: true }],
  ['an index that is joined', { mergeIntoTarget: true }],
];

for (const [title, options] of KINDS) {
  test(`what rejects before the tag leaves it as it was, and is the error of the run: ${title}`, async (t) => {
    const folder = await tempFolder(t);
    const from = await store(t, buildImage({ layers: [layer(file('content', 'first'))] }));
    const place = `oci:${join(folder, 'to')}:v`;
    const tagged = async (): Promise<string | undefined> => {
      await using there = openSource(place, { credentials: anonymous });
      return await there.resolve().then(
        ({ digest }) => digest,
        () => undefined,
      );
    };
    const convert = async (beforeTag: () => Promise<void>): Promise<void> => {
      await using source = openSource(from, { credentials: anonymous });
      await using target = openTarget(place, { credentials: anonymous });
      await convertImage(
        { source, target, beforeTag },
        {
          workDir: join(folder, 'work'),
          sourceLocation: parseLocation('docker.io/library/app:1'),
          ...options,
        },
      );
    };
    const moved = new MovedError('moved');
    await assert.rejects(
      convert(() => Promise.reject(moved)),
      (error) => error === moved,
    );
    assert.equal(await tagged(), undefined);
    let calls = 0;
    await convert(async () => {
      calls++;
      assert.equal(await tagged(), undefined, 'the tag is set after the call');
    });
    assert.equal(calls, 1);
    const first = await tagged();
    assert.ok(first !== undefined);
  });
}
