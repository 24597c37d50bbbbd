/**
 * The list of referrers that clients keep for a registry without one: an index under the tag `sha256-…`. Distribution-spec,
 * "Pushing Manifests with Subject". Nothing locks it: a client that reads, adds and writes may overwrite what another one wrote
 * in between. So the list is read again after a pause that is long compared with reading and writing, and written again when our
 * entry is gone.
 */
import { RegistryError } from '../../errors.js';
import { sleepFor } from '../../io/retry.js';
import { contentOf } from '../../io/streams.js';
import type { Descriptor } from '../../oci/descriptor.js';
import { type Digest, sha256 } from '../../oci/digest.js';
import { descriptorToJson, type JsonObject, serialise } from '../../oci/manifest.js';
import { MEDIA } from '../../oci/media-types.js';
import type { CallOptions } from '../../reporter.js';
import { ANSWERS, meaningOf } from '../answers.js';
import { repositoryScope } from '../auth/challenge.js';
import type { ApiRequest } from './client.js';
import { manifestPath, type Pointer } from './manifests.js';
import { fetchReferrersTag, referrersTag } from './referrers.js';

/** Rounds in which other writers may overwrite our entry before this fails. */
const MAX_ROUNDS = 12;
/** The pause until the list is read again: at least these milliseconds, and a multiple of the time that the update took. */
const MIN_SETTLE_MS = 250;
const SETTLE_FACTOR = 3;
/** A registry that answers slowly must not choose how long a run pauses. */
const MAX_SETTLE_MS = 10_000;

/** Puts `referrer` on the list of `subject`, unless it is there. */
export async function addReferrer(
  pointer: Pointer,
  subject: Digest,
  referrer: Descriptor,
  call: CallOptions,
): Promise<void> {
  for (let round = 1; round <= MAX_ROUNDS; round++) {
    const started = performance.now();
    const held = await fetchReferrersTag(pointer, subject, call);
    if (held?.index.manifests.some(({ digest }) => digest === referrer.digest) === true) return;
    const manifests = [...(held?.index.manifests ?? []).map(({ raw }) => raw), descriptorToJson(referrer)];
    const index = { ...(held?.index.raw ?? EMPTY_INDEX), manifests };
    if (!(await putList(pointer, subject, index, held?.etag, call))) continue;
    const tookMs = performance.now() - started;
    const settleMs = Math.min(MAX_SETTLE_MS, Math.max(MIN_SETTLE_MS, SETTLE_FACTOR * tookMs));
    // A random pause, because writers that collided would collide again.
    await sleepFor(settleMs * (1 + Math.random() / 2), call.signal);
  }
  throw new RegistryError(
    `cannot list ${referrer.digest} as a referrer in ${pointer.location}: others keep changing ${referrersTag(subject)}`,
    { hint: 'run it again: what has been sent is kept' },
  );
}

const EMPTY_INDEX: JsonObject = { schemaVersion: 2, mediaType: MEDIA.ociIndex };

/** False when the list has changed since it was read, if the registry checks that. */
async function putList(
  { client, reference, access, location }: Pointer,
  subject: Digest,
  index: JsonObject,
  etag: string | undefined,
  call: CallOptions,
): Promise<boolean> {
  const bytes = serialise(index);
  const tag = referrersTag(subject);
  const request: ApiRequest = {
    method: 'PUT',
    url: manifestPath(reference, tag),
    headers: {
      'content-type': MEDIA.ociIndex,
      ...(etag === undefined ? {} : { 'if-match': etag }),
    },
    body: contentOf(bytes),
    answers: ANSWERS.putReferrersTag,
    what: `cannot write the list of referrers ${tag} of ${location} (${sha256(bytes)})`,
    scopes: [repositoryScope(reference.repository, access)],
    ...call,
  };
  const response = await client.request(request).catch(async (error: unknown) => {
    // Some registries name an `etag`, and know no conditions.
    if (etag === undefined || !(error instanceof RegistryError) || error.retryable) throw error;
    return client.request({ ...request, headers: { 'content-type': MEDIA.ociIndex } });
  });
  await response.discard();
  return meaningOf(ANSWERS.putReferrersTag, response.status) === 'stored';
}
