/** Kinds of entries over odd and broken indexes, and the agreement of strict and lenient reading. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Entry, Image } from '../../../src/image/image.js';
import type { Loaded } from '../../../src/image/loaded.js';
import { loadReference, readReference, type ReferenceTree } from '../../../src/image/reference-tree.js';
import { parseDigest, sha256 } from '../../../src/oci/digest.js';
import { type IndexCase, indexCases } from '../../support/images/index-cases.js';
import { MemoryStore } from '../../support/registries/memory-store.js';

function storeOf({ repository }: IndexCase): MemoryStore {
  const store = new MemoryStore();
  for (const [name, { mediaType, bytes }] of repository.manifests) {
    if (name === '1') store.root = { mediaType, digest: sha256(bytes), size: bytes.length };
    else if (name.startsWith('sha256:')) store.content.set(parseDigest(name), bytes);
  }
  for (const [digest, bytes] of repository.blobs) store.content.set(parseDigest(digest), bytes);
  return store;
}

async function load(store: MemoryStore): Promise<ReferenceTree> {
  return loadReference(store, await store.resolve(), {});
}

/** For example `nydus: oci` for an entry that claims to be Nydus and is not. */
function outcome({ kind }: Entry, { value, problem }: Loaded<Image | undefined>): string {
  if (problem !== undefined) return `${kind}: ${problem.cause.code}`;
  const found = value?.kind ?? 'index';
  return found === kind ? kind : `${kind}: ${found}`;
}

/** Cases that are not simply an OCI and a Nydus entry which are what they claim. */
const ODD: Readonly<Record<string, readonly string[]>> = {
  'an already merged index, merged again: the first Nydus entry has no bootstrap': [
    'oci',
    'nydus: oci',
    'nydus',
  ],
  'attestations among the entries': ['oci', 'attestation: oci', 'nydus'],
  'features on both entries: the same': ['nydus: oci', 'nydus'],
  'the Nydus entry comes first': ['nydus', 'oci'],
  'no mark at all': ['oci', 'oci: nydus'],
  'an artifactType in capitals is no mark': ['oci', 'oci: nydus'],
  'the OCI entry is marked as well': ['nydus: oci', 'nydus'],
  'two Nydus entries: the first one counts': ['oci', 'nydus', 'nydus'],
  'two Nydus entries: the first one by feature': ['oci', 'nydus', 'nydus'],
  'an entry without platform before the Nydus entry': ['oci', 'oci', 'nydus'],
  'an entry without platform behind the Nydus entry': ['oci', 'nydus', 'oci'],
  'a null among the entries': ['index: FORMAT'],
  'no layers': ['oci', 'nydus: oci'],
  'layers null': ['oci', 'nydus: oci'],
  'an annotation that is a number': ['oci', 'nydus: FORMAT'],
  'the Nydus manifest is not there': ['oci', 'nydus: REGISTRY'],
  'its size is wrong': ['oci', 'nydus: CONTENT'],
  'its size is too large': ['oci', 'nydus: CONTENT'],
  'its size is 0': ['oci', 'nydus: CONTENT'],
  'its size is a string': ['index: FORMAT'],
  'its size is a fraction': ['index: FORMAT'],
  'its digest is none': ['index: FORMAT'],
  'its bytes are others than its digest promises': ['oci', 'nydus: CONTENT'],
  'the Nydus entry is an index itself': ['oci', 'index'],
  'the Nydus manifest is no JSON': ['oci', 'nydus: FORMAT'],
  'keys in another case': ['index: FORMAT'],
  'the index is no JSON': ['index: FORMAT'],
  'the index is an array': ['index: FORMAT'],
  'a platform that is a string': ['index: FORMAT'],
  'os.features that is a string': ['index: FORMAT'],
  'an index annotation that is a number': ['index: FORMAT'],
  'the tag points to a manifest': ['oci'],
};

test('entries claim a kind, and their manifests confirm it or not', async () => {
  const wrong: unknown[] = [];
  for (const one of indexCases()) {
    const tree = await load(storeOf(one));
    const found = tree.problem === undefined ? [] : [`${tree.problem.what}: ${tree.problem.cause.code}`];
    for (const entry of tree.entries) found.push(outcome(entry, await tree.loadImage(entry, {})));
    const usual = one.title.startsWith('referrers: ') ? ['oci'] : ['oci', 'nydus'];
    const expected = ODD[one.title] ?? usual;
    if (found.join() !== expected.join()) wrong.push({ title: one.title, found, expected });
  }
  assert.deepEqual(wrong, []);
});

test('strict and lenient reading give the same documents, and the error of the one is the problem of the other', async () => {
  for (const one of indexCases()) {
    const store = storeOf(one);
    const lenient = await load(store);
    if (lenient.problem !== undefined) {
      await assert.rejects(readReference(store, {}), { message: lenient.problem.cause.message }, one.title);
      continue;
    }
    const strict = await readReference(store, {});
    assert.deepEqual(strict.entries, lenient.entries, one.title);
    assert.deepEqual(strict.index, lenient.index, one.title);
    for (const entry of lenient.entries) {
      const { value, problem } = await lenient.loadImage(entry, {});
      if (value !== undefined) assert.deepEqual(await strict.image(entry, {}), value, one.title);
      else
        await assert.rejects(
          strict.image(entry, {}),
          problem === undefined ? { code: 'UNSUPPORTED' } : { message: problem.cause.message },
          one.title,
        );
    }
  }
});
