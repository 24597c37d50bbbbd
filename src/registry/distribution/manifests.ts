/** Resolves and writes manifests by tag and digest. Distribution-spec, "Pulling" and "Pushing manifests". */
import { ContentMismatchError, RegistryError } from '../../errors.js';
import { collect, contentOf } from '../../io/streams.js';
import type { Descriptor } from '../../oci/descriptor.js';
import { type Digest, isDigest, sha256 } from '../../oci/digest.js';
import { isDocumentType, MAX_DOCUMENT_SIZE, parseDocument } from '../../oci/manifest.js';
import { MEDIA } from '../../oci/media-types.js';
import type { Reference } from '../../oci/reference.js';
import type { CallOptions } from '../../reporter.js';
import { ANSWERS, meaningOf } from '../answers.js';
import { repositoryScope } from '../auth/challenge.js';
import { explainManifestRefusal } from './manifest-refusal.js';
import type { RegistryClient } from './client.js';
import type { HttpResponse } from '../http/transport.js';

/** The types that we can read. The last one makes old registries send whatever they have, so that the message can name it. */
export const MANIFEST_ACCEPT = [
  MEDIA.ociIndex,
  MEDIA.ociManifest,
  MEDIA.dockerIndex,
  MEDIA.dockerManifest,
  '*/*',
].join(', ');

export interface Pointer {
  readonly client: RegistryClient;
  readonly reference: Reference;
  /** The access that the run asks for. */
  readonly access: 'pull' | 'pull,push';
  /** The name that the user knows. */
  readonly location: string;
}

export function manifestPath(reference: Reference, name: string): string {
  return `/v2/${reference.repository}/manifests/${name}`;
}

/**
 * The descriptor of the manifest that the reference names; undefined when there is none. HEAD is enough as a rule. A registry that
 * refuses it, omits one of the three headers, or gives a type without meaning is asked for the manifest itself, and so is one that
 * gives no answer to HEAD.
 */
export async function resolveManifest(pointer: Pointer, call: CallOptions): Promise<Descriptor | undefined> {
  const { client, reference, access, location } = pointer;
  const name = reference.digest ?? reference.tag ?? 'latest';
  const request = {
    url: manifestPath(reference, name),
    headers: { accept: MANIFEST_ACCEPT },
    what: `cannot read the manifest of ${location}`,
    scopes: [repositoryScope(reference.repository, access)],
    once: true,
    ...call,
  };
  const found = await client.retry(
    request.what,
    async (n) => {
      if (n === 1) {
        const head = await client.optional({ ...request, method: 'HEAD', answers: ANSWERS.lookForManifest });
        await head?.discard();
        const descriptor = head === undefined ? undefined : fromHeaders(head);
        if (descriptor !== undefined) return descriptor;
      }
      const got = await client.request({ ...request, method: 'GET', answers: ANSWERS.readManifest });
      return readManifest(got, request.what, location);
    },
    call,
  );
  return found === undefined ? undefined : checked(found, pointer);
}

/** The descriptor of a manifest that was asked for itself. */
async function readManifest(
  got: HttpResponse,
  what: string,
  location: string,
): Promise<Descriptor | undefined> {
  if (meaningOf(ANSWERS.readManifest, got.status) === 'absent') {
    await got.discard();
    return undefined;
  }
  if (bareType(got.headers['content-type']) === 'text/html') {
    await got.discard();
    throw new RegistryError(`${what}: the answer is a web page, not a manifest`, {
      status: got.status,
      hint: 'a portal or proxy may stand before the registry, or the address is that of its web site',
    });
  }
  const bytes = await collect(got.body, MAX_DOCUMENT_SIZE, `manifest of ${location}`);
  const { mediaType } = parseDocument(bytes, bareType(got.headers['content-type']));
  const descriptor = { mediaType, digest: sha256(bytes), size: bytes.length };
  const promised = got.headers['docker-content-digest'];
  if (promised !== undefined && isDigest(promised) && promised !== descriptor.digest) {
    throw new ContentMismatchError(
      `manifest of ${location}: has digest ${descriptor.digest}, not ${promised} as the registry says`,
    );
  }
  return descriptor;
}

/** Puts a manifest under `name`, a digest or a tag. True when the registry lists it with its subject's referrers by itself. */
export async function putManifest(
  pointer: Pointer,
  manifest: Descriptor,
  bytes: Uint8Array,
  name: string,
  call: CallOptions,
): Promise<boolean> {
  const { client, reference, access, location } = pointer;
  const what =
    name === manifest.digest
      ? `cannot push manifest ${manifest.digest} to ${location}`
      : `cannot tag ${location}`;
  const last: { stored?: Digest | undefined } = {};
  const attempt = async (): Promise<boolean> => {
    last.stored = undefined;
    const response = await client.request({
      method: 'PUT',
      url: manifestPath(reference, name),
      headers: { 'content-type': manifest.mediaType },
      body: contentOf(bytes),
      answers: ANSWERS.putManifest,
      what,
      explain: (said) => explainManifestRefusal(said, manifest.mediaType, bytes),
      scopes: [repositoryScope(reference.repository, access)],
      once: true,
      ...call,
    });
    await response.discard();
    const said = response.headers['docker-content-digest'] ?? '';
    // Anything but 201 may be the answer of a proxy or a login page: then check what the name means now.
    const stored = isDigest(said)
      ? said
      : meaningOf(ANSWERS.putManifest, response.status) === 'stored'
        ? manifest.digest
        : await digestAt(pointer, name, call);
    if (stored === undefined)
      throw new RegistryError(`${what}: the registry answered ${response.status}, and does not hold it`, {
        status: response.status,
        retryable: true,
      });
    last.stored = stored;
    if (stored !== manifest.digest)
      throw new RegistryError(
        `${what}: the registry stored it as ${stored}, which is not ${manifest.digest}`,
        {
          status: response.status,
          retryable: true,
        },
      );
    return response.headers['oci-subject'] !== undefined;
  };
  try {
    return await client.retry(what, attempt, call);
  } catch (error) {
    // No answer came, but the registry may have done it all the same.
    const unanswered = error instanceof RegistryError && error.retryable && error.status === undefined;
    if (unanswered && (await digestAt(pointer, name, call).catch(() => undefined)) === manifest.digest)
      return false;
    // A name that means something wrong is worse than no name.
    if (last.stored !== undefined && !isDigest(name)) await removeTag(pointer, name, call);
    throw error;
  }
}

/** Removes a name as far as the registry allows; ignores its answer, because the caller reports another error. */
async function removeTag(
  { client, reference, access }: Pointer,
  name: string,
  call: CallOptions,
): Promise<void> {
  await client
    .optional({
      method: 'DELETE',
      url: manifestPath(reference, name),
      answers: ANSWERS.removeTag,
      what: `cannot remove the tag ${name}`,
      scopes: [repositoryScope(reference.repository, access)],
      ...call,
    })
    .then(async (response) => response?.discard())
    .catch(() => undefined);
}

/** The manifest that a tag or digest means at this moment. */
async function digestAt(pointer: Pointer, name: string, call: CallOptions): Promise<Digest | undefined> {
  const { registry, repository } = pointer.reference;
  const reference = { registry, repository, ...(isDigest(name) ? { digest: name } : { tag: name }) };
  return (await resolveManifest({ ...pointer, reference }, call))?.digest;
}

function fromHeaders(response: HttpResponse): Descriptor | undefined {
  const digest = response.headers['docker-content-digest'] ?? '';
  const mediaType = bareType(response.headers['content-type']) ?? '';
  const size = Number(response.headers['content-length'] ?? 0);
  if (!isDigest(digest) || !isDocumentType(mediaType) || !Number.isSafeInteger(size) || size <= 0)
    return undefined;
  return { mediaType, digest, size };
}

function checked(descriptor: Descriptor, { reference, location }: Pointer): Descriptor {
  if (reference.digest !== undefined && reference.digest !== descriptor.digest) {
    throw new ContentMismatchError(`manifest of ${location}: the registry gives ${descriptor.digest}`);
  }
  return descriptor;
}

/** A media type without its parameters. */
function bareType(contentType: string | undefined): string | undefined {
  return contentType?.split(';', 1)[0]?.trim();
}
