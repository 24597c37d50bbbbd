import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Uploads } from '../../../src/convert/uploads.js';
import { Span } from '../../../src/convert/stopwatch.js';
import { ContentMismatchError, InterruptedError, RegistryError } from '../../../src/errors.js';
import { sha256 } from '../../../src/oci/digest.js';
import type { ImageTarget } from '../../../src/registry/stores/store.js';

/** No upload of these tests asks the target. */
const target = {} as ImageTarget;
const [first, second] = [sha256('first'), sha256('second')];

test('an upload that another failure has interrupted does not hide that failure', async () => {
  await using uploads = new Uploads(target, 2, new Span(() => 0), {});
  const cause = new ContentMismatchError('layer 1: has another digest');
  const interrupted = uploads.once(first, () =>
    Promise.reject(new InterruptedError('another of the calls has failed', { cause })),
  );
  await assert.rejects(interrupted, InterruptedError);
  assert.equal(uploads.blame(cause), cause);
  assert.ok(uploads.call.signal.aborted);
  await assert.rejects(uploads.settle(), InterruptedError);
});

test('the failure of an upload is the reason of the failures that it has caused', async () => {
  await using uploads = new Uploads(target, 2, new Span(() => 0), {});
  const refused = new RegistryError('the registry is full');
  await assert.rejects(
    uploads.once(first, () => Promise.reject(refused)),
    RegistryError,
  );
  const stopped = new InterruptedError('an upload has failed');
  await assert.rejects(
    uploads.once(second, () => Promise.reject(stopped)),
    InterruptedError,
  );
  assert.equal(uploads.blame(stopped), refused);
  await assert.rejects(uploads.settle(), (error) => error === refused);
});
