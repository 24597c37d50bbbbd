/**
 * The upload of one complete blob, in attempts. One PUT with the whole body is tried first, or chunks if they are asked for; a registry
 * that refuses one way gets another, and smaller bodies where one was too large. An attempt goes on from where the registry says that
 * it is.
 */
import { type AuthError, InternalError, RegistryError } from '../../errors.js';
import { backoffMs, sleepFor } from '../../io/retry.js';
import { ContentParts } from '../../io/parts.js';
import type { ReplayableContent } from '../../io/streams.js';
import type { Descriptor } from '../../oci/descriptor.js';
import type { CallOptions } from '../../reporter.js';
import { purpose, type UploadContext, UploadSession } from './session.js';
import {
  isLostSession,
  isOutOfStep,
  isTooLarge,
  smallerThan,
  type Way,
  wantsOtherWay,
  waysFor,
} from './ways.js';

/** Attempts that end with an answer and bring nothing, until the upload begins anew in another way. */
const MAX_FAILURES = 2;

/** Bytes: what has brought fewer has not brought the upload further. */
export const MIN_PROGRESS = 64 * 1024;
/** Parts in a row of which the registry takes next to nothing. */
const MAX_IDLE_PARTS = 4;

/** Bytes of a part that count as progress: all of a short one, and of a long one so many that it is not sent a thousand times. */
function leastOf(part: number): number {
  return Math.min(part, Math.max(MIN_PROGRESS, part / 16));
}

export class Upload {
  readonly #context: UploadContext;
  readonly #descriptor: Descriptor;
  readonly #content: ReplayableContent;
  readonly #call: CallOptions;
  readonly #blob: string;
  /** Under way, from an earlier attempt or another opener; an attempt asks the registry what it has before it goes on. */
  #session: UploadSession | undefined;
  #failures = 0;

  /** Goes on with `begun`, if there is such a session. */
  constructor(
    context: UploadContext,
    descriptor: Descriptor,
    content: ReplayableContent,
    call: CallOptions,
    begun: UploadSession | undefined,
  ) {
    this.#context = context;
    this.#descriptor = descriptor;
    this.#content = content;
    this.#call = call;
    this.#blob = `blob ${descriptor.digest}`;
    this.#session = begun;
    begun?.rename(this.#blob);
  }

  /** The purpose of the requests, for messages. */
  get what(): string {
    return purpose(this.#context, this.#blob);
  }

  /** Bytes that the registry is known to have. */
  get acknowledged(): number {
    return this.#session?.acknowledged ?? 0;
  }

  /** Sends what the registry does not have, and ends the session. Notes the way that has worked. */
  async attempt(): Promise<void> {
    const { sessions } = this.#context;
    const before = this.acknowledged;
    try {
      if (await this.#goesOn()) await this.#finishBegun();
      else await this.#sendAnew();
    } catch (error) {
      if (error instanceof RegistryError && error.status !== undefined && this.acknowledged <= before)
        this.#failures++;
      if (this.#session === undefined || !isLostSession(error)) throw error;
      sessions.delete(this.#session);
      // The next attempt begins anew, with nothing of what was sent.
      this.#session = undefined;
      if (error instanceof RegistryError && error.retryable) throw error;
      throw new RegistryError(`${this.what}: the registry has lost the upload`, {
        cause: error,
        retryable: true,
      });
    }
  }

  /** True when there is a session of which the registry has the start: then PATCHes send the rest. */
  async #goesOn(): Promise<boolean> {
    const session = this.#session;
    if (session === undefined) return false;
    // A session that has failed with one answer after another is not worth a third.
    const isHopeless = this.#failures >= MAX_FAILURES;
    const isKnown = !isHopeless && (session.isSettled || (await session.query(this.#call)));
    const { acknowledged, wasQueried } = session;
    if (isKnown && acknowledged > 0 && acknowledged <= this.#descriptor.size) return true;
    if (!isKnown || wasQueried || acknowledged > 0) this.#session = undefined;
    return false;
  }

  /** Sends the rest; a registry that takes no rest gets the blob anew. */
  async #finishBegun(): Promise<void> {
    try {
      await this.#sendRest(this.#chunk);
    } catch (error) {
      if (!wantsOtherWay(error) && !isTooLarge(error)) throw error;
      this.#session = undefined;
      await this.#sendAnew();
    }
  }

  /** Sends the blob in the first way that the registry does not refuse. */
  async #sendAnew(): Promise<void> {
    const { ways, chunkSize } = this.#context;
    const { size } = this.#descriptor;
    const left = [...waysFor(size, chunkSize, ways, this.#failures)];
    let first: RegistryError | AuthError | undefined;
    for (let way = left.shift(); way !== undefined; way = left.shift()) {
      try {
        await this.#sendBy(way);
        if (way !== 'chunks') ways.whole = way;
        if (way !== 'chunks' && first !== undefined) ways.takesChunks = false;
        return;
      } catch (error) {
        const tooLarge = isTooLarge(error) ? smallerThan(Math.min(size, this.#chunk)) : undefined;
        // When all ways are refused, the way was not the reason, and the first answer says more.
        const isRefused = wantsOtherWay(error) || isTooLarge(error);
        if (!isRefused || (tooLarge === undefined && isTooLarge(error)))
          throw error instanceof RegistryError && !error.retryable ? (first ?? error) : error;
        first ??= error;
        this.#session = undefined;
        if (tooLarge === undefined) continue;
        ways.largest = tooLarge;
        left.splice(0, left.length, 'chunks');
      }
    }
    throw first ?? new InternalError('there is no way to send a blob');
  }

  async #sendBy(way: Way): Promise<void> {
    if (way !== 'put') {
      await this.#sendRest(way === 'chunks' ? this.#chunk : Infinity);
      return;
    }
    const session = await this.#open();
    await this.#confirm(await session.putWhole(this.#descriptor.digest, this.#content, this.#call));
  }

  /** Bytes of a part at most. */
  get #chunk(): number {
    const { chunkSize, ways } = this.#context;
    return Math.min(chunkSize > 0 ? chunkSize : Infinity, ways.largest);
  }

  async #open(): Promise<UploadSession> {
    this.#session ??= await UploadSession.open(this.#context, this.#blob, this.#call);
    return this.#session;
  }

  /** Sends all that the registry does not have, in PATCHes of `chunk` bytes, and the PUT that ends the session. */
  async #sendRest(chunk: number): Promise<void> {
    const session = await this.#open();
    const { size } = this.#descriptor;
    const parts = new ContentParts(this.#content);
    try {
      let isStuck = false;
      let idle = 0;
      await this.#settle(session, session.acknowledged);
      for (let at = session.acknowledged; at < size; at = session.acknowledged) {
        const range = { start: at, end: Math.min(size, at + Math.max(chunk, session.minChunk)) };
        try {
          await session.patch({ start: at, content: parts.part(range) }, this.#call);
        } catch (error) {
          // The registry is at another offset than we thought: ask for it, once at each offset.
          if (!isOutOfStep(error) || isStuck || !(await session.query(this.#call))) throw error;
        }
        await this.#settle(session, size);
        isStuck = session.acknowledged === at;
        idle = session.acknowledged - at >= leastOf(range.end - at) ? 0 : idle + 1;
        if (idle > 0) await this.#pause(idle, session.acknowledged);
      }
    } finally {
      await parts.close();
    }
    await this.#close(session);
  }

  /** Waits after a part of which the registry has taken next to nothing. Throws RegistryError after `MAX_IDLE_PARTS` of them in a row. */
  async #pause(idle: number, acknowledged: number): Promise<void> {
    if (idle >= MAX_IDLE_PARTS) {
      throw new RegistryError(
        `${this.what}: the registry takes the bytes and does not keep them (it says that it has ${acknowledged} of ${this.#descriptor.size})`,
      );
    }
    const { client } = this.#context;
    await sleepFor(backoffMs(client.retryPolicy, idle, Math.random), this.#call.signal);
  }

  /** Throws when the registry has more than `most` bytes, so that they cannot be those of the blob. */
  async #settle(session: UploadSession, most: number): Promise<void> {
    await session.settleDoubt(this.#call);
    if (session.acknowledged > most) throw this.#overfull(session.acknowledged);
  }

  async #close(session: UploadSession): Promise<void> {
    const wasResumed = session.wasQueried;
    try {
      await this.#confirm(await session.close(this.#descriptor.digest, this.#call));
    } catch (error) {
      if (!wasResumed || !(error instanceof RegistryError) || error.retryable || isLostSession(error))
        throw error;
      // The bytes that the registry claimed to have were not those that we had sent: begin anew, once.
      this.#session = undefined;
      throw new RegistryError(error.message, {
        status: error.status,
        registryCodes: error.registryCodes,
        hint: error.hint,
        remedy: error.remedy,
        side: error.side,
        cause: error,
        retryable: true,
      });
    }
  }

  /** Only 201 means that the blob was made. Some registries answer 200 or 204, but so do login pages and proxies. */
  async #confirm(isCreated: boolean): Promise<void> {
    if (isCreated || (await this.#context.exists(this.#descriptor, this.#call))) return;
    throw new RegistryError(`${this.what}: it was answered with success, but the blob is not there`, {
      hint: 'something else may have answered, such as a proxy or a login page',
    });
  }

  #overfull(acknowledged: number): RegistryError {
    this.#session = undefined;
    return new RegistryError(
      `${this.what}: the registry says that it has ${acknowledged} of ${this.#descriptor.size} bytes`,
      { retryable: true },
    );
  }
}
