/** Manifests of the packages that are published. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as v from 'valibot';
import { PLATFORMS } from '../../../src/native/platforms.js';
import {
  MANIFEST,
  ownManifest,
  platformManifest,
  publishedManifest,
} from '../../../tools/packages/manifest.js';

test('packages name the address that package.json names, and none as long as it names none', () => {
  const own = Object.entries(ownManifest());
  const bare = v.parse(
    MANIFEST,
    Object.fromEntries(own.filter(([key]) => !['homepage', 'repository'].includes(key))),
  );
  const address = {
    homepage: 'https://project.example',
    repository: { type: 'git', url: 'git+https://project.example/x.git' },
  };
  for (const manifest of [bare, { ...bare, ...address }]) {
    const expected = 'homepage' in manifest ? address : {};
    const main = publishedManifest(manifest, { declarations: [], pages: [] });
    for (const made of [main, ...PLATFORMS.map((platform) => platformManifest(manifest, platform))]) {
      const { homepage, repository } = JSON.parse(JSON.stringify(made)) as typeof address;
      assert.deepEqual(JSON.parse(JSON.stringify({ homepage, repository })), expected);
    }
  }
});
