/**
 * Sends a blob in parts. An upload that a killed run has left is gone on with: parts that the store has are not sent again. A run that
 * fails aborts its upload, so that no part stays.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { InterruptedError, RegistryError } from '../../errors.js';
import { type ReplayableContent, verified } from '../../io/streams.js';
import { MEDIA } from '../../oci/media-types.js';
import type { CallOptions } from '../../reporter.js';
import type { NamedBlob } from '../backend.js';
import type { PartBuffers } from './part-buffers.js';
import { isLostUpload } from './refusals.js';
import type { ObjectStore, PartUpload, StoredPart } from './store.js';

/** Small enough that four of them fit well into memory; S3 takes none below 5 MiB, but for the last. */
export const PART_BYTES = 8 * 1024 * 1024;
/** S3 and OSS take no more parts. */
const MAX_PARTS = 10_000;
const MIB = 1024 * 1024;
/** Parts of one blob in flight. */
const PARTS_AT_ONCE = 4;
/** Another run may complete or abort an upload that both go on with, but not for ever. */
const MAX_ROUNDS = 3;
/** Milliseconds that a run that has failed takes at most to remove its parts. */
const ABORT_MS = 5000;
/** S3 advises to abort an upload until it is gone. */
const MAX_ABORTS = 5;
const ABORT_PAUSE_MS = 100;

/** The same for every run, so that a later one can go on. `least` is that of all blobs. */
export function partSize(size: number, least = PART_BYTES): number {
  return Math.max(least, Math.ceil(size / MAX_PARTS / MIB) * (size > least * MAX_PARTS ? MIB : 0));
}

export interface UploadContext {
  readonly store: ObjectStore;
  /** Bytes of a part at least. */
  readonly partBytes: number;
  readonly buffers: PartBuffers;
  /** Tries again what may pass. */
  readonly retry: <T>(what: string, attempt: () => Promise<T>, call: CallOptions) => Promise<T>;
}

export interface KeyedBlob extends NamedBlob {
  readonly key: string;
}

export async function uploadInParts(
  context: UploadContext,
  blob: KeyedBlob,
  content: ReplayableContent,
  call: CallOptions,
): Promise<void> {
  const { store, retry } = context;
  const what = `blob ${blob.digest} for ${store.location}`;
  for (let round = 1; ; round++) {
    const left = await leftUploads(context, blob, call);
    const [known = await begun(context, blob, call), ...others] = left;
    const { upload, orphans } = 'upload' in known ? known : { upload: known, orphans: [] };
    try {
      const parts = await sendParts(context, { blob, content, upload, isKnown: left.length > 0 }, call);
      await retry(what, () => store.completeUpload(upload, parts, call), call);
      for (const other of [...others, ...orphans]) await abortQuietly(store, other);
      return;
    } catch (error) {
      for (const orphan of orphans) await abortQuietly(store, orphan);
      if (isLostUpload(error)) {
        // The answer to the last request may have been lost, or another run was faster.
        if ((await retry(what, () => store.head(blob.key, call), call)) === blob.size) return;
        if (round < MAX_ROUNDS) continue;
      }
      await abortQuietly(store, upload);
      // What another run has left may be of no use, so the blob is sent from its start.
      const isLeft = left.length > 0 && error instanceof RegistryError;
      if (isLeft && round < MAX_ROUNDS && call.signal?.aborted !== true) continue;
      throw error;
    }
  }
}

/** Begins an upload. An attempt of which no answer came may have begun one too, whose name nothing but a list tells. */
async function begun(
  context: UploadContext,
  blob: KeyedBlob,
  call: CallOptions,
): Promise<{ readonly upload: PartUpload; readonly orphans: readonly PartUpload[] }> {
  const { store, retry } = context;
  let attempts = 0;
  const begin = (): Promise<PartUpload> => {
    attempts += 1;
    return store.beginUpload(blob.key, call);
  };
  const upload = await retry(`blob ${blob.digest} for ${store.location}`, begin, call);
  const all = attempts === 1 ? [] : await leftUploads(context, blob, call);
  return { upload, orphans: all.filter(({ id }) => id !== upload.id) };
}

/** The uploads of the blob that were not ended, the last one first. A key that may not list them sends the blob from its start. */
async function leftUploads(
  { store, retry }: UploadContext,
  { key }: KeyedBlob,
  call: CallOptions,
): Promise<readonly PartUpload[]> {
  try {
    const found = await retry(
      `uploads of ${key}`,
      async () => {
        const uploads = [];
        for await (const upload of store.unfinishedUploads(key, call)) uploads.push(upload);
        return uploads;
      },
      call,
    );
    return found
      .filter((upload) => upload.key === key)
      .sort((a, b) => b.started.getTime() - a.started.getTime() || (a.id < b.id ? 1 : -1));
  } catch {
    call.signal?.throwIfAborted();
    return [];
  }
}

interface Sending {
  readonly blob: KeyedBlob;
  readonly content: ReplayableContent;
  readonly upload: PartUpload;
  /** True if the upload may have parts already. */
  readonly isKnown: boolean;
}

/** The parts that the store has now, in order. */
async function sendParts(
  context: UploadContext,
  { blob, content, upload, isKnown }: Sending,
  call: CallOptions,
): Promise<readonly StoredPart[]> {
  const { store, buffers, retry } = context;
  const stored = isKnown ? await storedParts(context, upload, call) : new Map<number, StoredPart>();
  const stop = new AbortController();
  const signal = call.signal === undefined ? stop.signal : AbortSignal.any([call.signal, stop.signal]);
  const own = { ...call, signal };
  const parts: StoredPart[] = [];
  const sending = new Set<Promise<void>>();
  let failure: { readonly error: unknown } | undefined;
  const send = async (number: number, buffer: Buffer, size: number): Promise<void> => {
    const bytes = buffer.subarray(0, size);
    let isIdle = false;
    try {
      const known = stored.get(number);
      const what = `part ${number} of blob ${blob.digest} for ${store.location}`;
      parts[number - 1] =
        known?.size === size && store.isPart(known, bytes)
          ? known
          : await retry(what, () => store.putPart(upload, number, bytes, own), own);
      isIdle = true;
    } catch (error) {
      failure ??= { error };
      stop.abort(new InterruptedError('another part has failed', { cause: error }));
    } finally {
      buffers.giveBack(buffer, isIdle);
    }
  };
  try {
    const size = partSize(blob.size, context.partBytes);
    let number = 0;
    for await (const { buffer, length } of cut(context, blob, content, size, own)) {
      const sent = send(++number, buffer, length).finally(() => sending.delete(sent));
      sending.add(sent);
      if (sending.size >= PARTS_AT_ONCE) await Promise.race(sending);
    }
  } catch (error) {
    failure ??= { error };
    stop.abort(new InterruptedError('the blob cannot be read', { cause: error }));
  }
  await Promise.all(sending);
  if (failure === undefined) return parts;
  call.signal?.throwIfAborted();
  throw failure.error;
}

async function storedParts(
  { store, retry }: UploadContext,
  upload: PartUpload,
  call: CallOptions,
): Promise<ReadonlyMap<number, StoredPart>> {
  return retry(
    `parts of ${upload.key}`,
    async () => {
      const parts = new Map<number, StoredPart>();
      for await (const part of store.partsOf(upload, call)) parts.set(part.number, part);
      return parts;
    },
    call,
  );
}

/** The parts of a blob, each in a buffer that the reader gives back. The blob is verified when the last one is out. */
async function* cut(
  { store, buffers }: UploadContext,
  { digest, size }: KeyedBlob,
  content: ReplayableContent,
  part: number,
  { signal }: CallOptions,
): AsyncGenerator<{ readonly buffer: Buffer; readonly length: number }> {
  const descriptor = { mediaType: MEDIA.nydusBlob, digest, size };
  let buffer: Buffer | undefined;
  let length = 0;
  try {
    for await (const bytes of verified(content.open(), descriptor, `${digest} for ${store.location}`)) {
      for (let at = 0; at < bytes.length;) {
        signal?.throwIfAborted();
        buffer ??= await buffers.take(part, signal);
        const end = Math.min(bytes.length, at + part - length);
        buffer.set(bytes.subarray(at, end), length);
        length += end - at;
        at = end;
        if (length < part) continue;
        const full = { buffer, length };
        buffer = undefined;
        length = 0;
        yield full;
      }
    }
    if (buffer === undefined) return;
    const last = { buffer, length };
    buffer = undefined;
    yield last;
  } finally {
    if (buffer !== undefined) buffers.giveBack(buffer, true);
  }
}

/** The failure that led here says more than that the upload cannot be aborted; a listing of the backend shows what is left. */
async function abortQuietly(store: ObjectStore, upload: PartUpload): Promise<void> {
  const signal = AbortSignal.timeout(ABORT_MS);
  try {
    // A part that was on its way may be stored after the first request, so only an upload that is not known any more has none.
    for (let again = 0; again < MAX_ABORTS; again++) {
      await store.abortUpload(upload, { signal });
      await sleep(ABORT_PAUSE_MS, undefined, { signal });
    }
  } catch {
    // It is gone already, or the server does not answer.
  }
}
