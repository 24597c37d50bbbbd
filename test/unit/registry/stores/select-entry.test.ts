import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RegistryError, UsageError } from '../../../../src/errors.js';
import { sha256 } from '../../../../src/oci/digest.js';
import { parseIndex } from '../../../../src/oci/manifest.js';
import { ANNOTATION, MEDIA } from '../../../../src/oci/media-types.js';
import { openTarget } from '../../../../src/registry/open.js';
import { entryNames, selectEntry } from '../../../../src/registry/stores/select-entry.js';

/** Two images under one name, as two platforms are saved, and one without any. */
const NAMES = ['app', 'app', undefined, 'other'];
const ENTRIES = parseIndex(
  Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      manifests: NAMES.map((name, i) => ({
        mediaType: MEDIA.ociManifest,
        digest: sha256(`${i}`),
        size: 1,
        ...(name === undefined ? {} : { annotations: { [ANNOTATION.ociRefName]: name } }),
      })),
    }),
  ),
).manifests;

function hintOf(select: () => unknown): string | undefined {
  try {
    select();
  } catch (error) {
    if (error instanceof RegistryError) return error.hint;
  }
  return undefined;
}

test('an image without a name of its own is chosen by its place', () => {
  for (const [i, entry] of ENTRIES.entries())
    assert.equal(selectEntry(ENTRIES, { name: `@${i}` }, 'images', entryNames), entry);
  assert.equal(selectEntry(ENTRIES, { name: 'other' }, 'images', entryNames), ENTRIES[3]);
});

test('a name that several images have is answered with words that mean one each', () => {
  const hint = hintOf(() => selectEntry(ENTRIES, { name: 'app' }, 'images', entryNames));
  assert.equal(hint, 'say which one, by :TAG, :@POSITION or @DIGEST: @0 (app), @1 (app), @2, other');
  const none = hintOf(() => selectEntry(ENTRIES, { name: '@7' }, 'images', entryNames));
  assert.equal(none, 'it holds @0 (app), @1 (app), @2, other');
});

const PLATFORMS = [
  { os: 'linux', architecture: 'amd64' },
  { os: 'linux', architecture: 'arm64', variant: 'v8' },
  { os: 'unknown', architecture: 'unknown' },
  { os: 'unknown', architecture: 'unknown' },
];

/** An `index.json` with these members in its entries. */
function listed(members: readonly object[]): typeof ENTRIES {
  const manifests = members.map((more, i) => ({
    mediaType: MEDIA.ociManifest,
    digest: sha256(`${i}`),
    size: 1,
    ...more,
  }));
  return parseIndex(Buffer.from(JSON.stringify({ schemaVersion: 2, manifests }))).manifests;
}

test('platforms under one name, or under none, are one image', () => {
  for (const name of ['app', undefined]) {
    const annotations = { ...(name === undefined ? {} : { [ANNOTATION.ociRefName]: name }), kept: 'x' };
    const entries = listed(PLATFORMS.map((platform) => ({ platform, annotations })));
    const made = selectEntry(entries, { name }, 'images', entryNames);
    assert.ok('bytes' in made);
    assert.equal(made.descriptor.digest, sha256(made.bytes));
    const index = parseIndex(made.bytes, MEDIA.ociIndex);
    assert.deepEqual(
      index.manifests.map(({ digest, platform, annotations: found }) => [digest, platform, found]),
      entries.map(({ digest, platform }) => [digest, platform, { kept: 'x' }]),
    );
    assert.equal(selectEntry(entries, { name: '@1' }, 'images', entryNames), entries[1]);
    assert.equal(selectEntry(entries, { digest: sha256('1') }, 'images', entryNames), entries[1]);
  }
});

test('entries that are not one image for several platforms stay several images', () => {
  const [amd64, arm64] = PLATFORMS;
  const named = (name: string): object => ({ annotations: { [ANNOTATION.ociRefName]: name } });
  const cases = [
    [{ platform: amd64 }, { platform: amd64 }],
    [{ platform: amd64 }, {}],
    [{ platform: amd64 }, { platform: arm64, mediaType: MEDIA.ociIndex }],
    [
      { platform: amd64, ...named('a') },
      { platform: arm64, ...named('b') },
    ],
  ];
  for (const members of cases)
    assert.match(
      hintOf(() => selectEntry(listed(members), {}, 'images', entryNames)) ?? '',
      /^say which one/,
    );
});

test('a position is no name for a target', () => {
  assert.throws(() => openTarget('oci:/images:@0'), UsageError);
});
