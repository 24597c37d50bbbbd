/** What every storage backend does, whatever is behind it. */
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import type { BlobBackend } from '../../../src/backend/backend.js';
import { ContentMismatchError, RegistryError } from '../../../src/errors.js';
import { collect, contentOf, type ReplayableContent } from '../../../src/io/streams.js';
import { digestHex, sha256 } from '../../../src/oci/digest.js';
import { noise } from '../images/opaque-image.js';

export interface OpenedBackend {
  readonly backend: BlobBackend;
  /** The names of all that is stored, finished or not. */
  readonly names: () => Promise<readonly string[]>;
  /** Puts an object under another name than that of a blob. */
  readonly stray: (name: string) => Promise<void>;
}

/** `sizes` are those of blobs that the backend stores in different ways. */
export function backendContract(
  name: string,
  sizes: readonly number[],
  open: (t: TestContext) => Promise<OpenedBackend>,
): void {
  const blobOf = (
    size: number,
    seed = 1,
  ): { digest: ReturnType<typeof sha256>; size: number; bytes: Buffer } => {
    const bytes = Buffer.from(noise(size, seed));
    return { digest: sha256(bytes), size, bytes };
  };
  const whole = async (backend: BlobBackend, { digest, size }: ReturnType<typeof blobOf>): Promise<Buffer> =>
    collect(backend.read(digest, undefined), size, 'blob');

  for (const size of sizes) {
    test(`${name}: a blob of ${size} bytes comes back, whole and by range, and is listed until it is removed`, async (t) => {
      const { backend, names, stray } = await open(t);
      const blob = blobOf(size);
      assert.equal(await backend.sizeOf(blob.digest), undefined);
      await stray('notes.txt');
      await backend.put(blob, contentOf(blob.bytes));
      assert.equal(await backend.sizeOf(blob.digest), size);
      assert.ok((await whole(backend, blob)).equals(blob.bytes));
      if (size > 2) {
        const range = { start: 1, end: size - 1 };
        const part = await collect(backend.read(blob.digest, range), size, 'range');
        assert.ok(part.equals(blob.bytes.subarray(1, size - 1)));
      }
      const listed = await allOf(backend.list());
      assert.deepEqual(
        listed.map(({ digest, size: bytes }) => [digest, bytes]),
        [[blob.digest, size]],
      );
      assert.ok(Math.abs(Date.now() - (listed[0]?.modified.getTime() ?? 0)) < 120_000);
      await backend.remove(blob.digest);
      await backend.remove(blob.digest);
      assert.equal(await backend.sizeOf(blob.digest), undefined);
      assert.deepEqual(await names(), ['notes.txt']);
    });

    test(`${name}: of a blob of ${size} bytes that is wrong, or is given up, nothing stays`, async (t) => {
      const { backend, names } = await open(t);
      const blob = blobOf(size);
      const wrong: readonly (readonly [string, Uint8Array])[] = [
        ['other bytes', noise(size, 2)],
        ['one byte more', noise(size + 1, 1)],
        ['one byte less', blob.bytes.subarray(0, size - 1)],
      ];
      for (const [what, bytes] of wrong)
        await assert.rejects(backend.put(blob, contentOf(bytes)), ContentMismatchError, what);
      const stop = new AbortController();
      const stopped: ReplayableContent = {
        size,
        open: async function* () {
          yield* contentOf(blob.bytes.subarray(0, size - 1)).open();
          stop.abort(new Error('given up'));
        },
      };
      await assert.rejects(backend.put(blob, stopped, { signal: stop.signal }), /given up/);
      assert.deepEqual(await names(), []);
      assert.deepEqual(await allOf(backend.unfinished()), []);
      // What failed before is no obstacle.
      await backend.put(blob, contentOf(blob.bytes));
      assert.ok((await whole(backend, blob)).equals(blob.bytes));
    });
  }

  test(`${name}: a blob that is there may be sent again, and an absent one is an error of status 404`, async (t) => {
    const { backend } = await open(t);
    const blob = blobOf(1000);
    await assert.rejects(
      whole(backend, blob),
      (error) =>
        error instanceof RegistryError && error.status === 404 && error.message.includes(blob.digest),
    );
    await backend.put(blob, contentOf(blob.bytes));
    await backend.put(blob, contentOf(blob.bytes));
    assert.ok((await whole(backend, blob)).equals(blob.bytes));
  });

  test(`${name}: a bootstrap is stored under its name, in place of an older one, and is no blob`, async (t) => {
    const { backend, names } = await open(t);
    const blob = blobOf(1000);
    await backend.put(blob, contentOf(blob.bytes));
    const places = [];
    for (const text of ['older', 'newer']) places.push(await backend.putFile('app.meta', Buffer.from(text)));
    assert.equal(places[0], places[1]);
    assert.ok(places[0]?.endsWith('app.meta'), places[0]);
    assert.ok(backend.nameOf(blob.digest).endsWith(digestHex(blob.digest)));
    assert.equal((await names()).length, 2);
    assert.deepEqual(
      (await allOf(backend.list())).map(({ digest }) => digest),
      [blob.digest],
    );
  });

  test(`${name}: blobs that are sent at once do not mix`, async (t) => {
    const { backend } = await open(t);
    const blobs = Array.from({ length: 12 }, (_, i) => blobOf((sizes[i % sizes.length] ?? 1) + i, i));
    await Promise.all([...blobs, ...blobs].map((blob) => backend.put(blob, contentOf(blob.bytes))));
    for (const blob of blobs) assert.ok((await whole(backend, blob)).equals(blob.bytes));
    const listed = (await allOf(backend.list())).map(({ digest }) => digest);
    assert.deepEqual(listed.toSorted(), blobs.map(({ digest }) => digest).toSorted());
  });
}

/** All that an iteration gives. */
export async function allOf<T>(iteration: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const one of iteration) all.push(one);
  return all;
}
