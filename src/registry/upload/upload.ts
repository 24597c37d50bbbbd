/**
 * The upload of one complete blob, in attempts. One PUT with the whole body is tried first; a registry that refuses it gets one
 * streamed PATCH. With a chunk size, the blob goes in chunks. An attempt goes on from where the registry says that it is.
 */
import { RegistryError } from '../../errors.js';
import { ContentParts } from '../../io/parts.js';
import type { ReplayableContent } from '../../io/streams.js';
import type { Descriptor } from '../../oci/descriptor.js';
import type { CallOptions } from '../../reporter.js';
import { purpose, type UploadContext, UploadSession } from './session.js';
import { isLostSession, isOutOfStep, type Way, wantsPatch } from './ways.js';

export class Upload {
  readonly #context: UploadContext;
  readonly #descriptor: Descriptor;
  readonly #content: ReplayableContent;
  readonly #call: CallOptions;
  readonly #blob: string;
  /** Under way, from an earlier attempt or another opener; an attempt asks the registry what it has before it goes on. */
  #session: UploadSession | undefined;

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
    const { ways, chunkSize, sessions } = this.#context;
    try {
      const isBegun = await this.#goesOn();
      if (isBegun || chunkSize > 0 || ways.whole === 'patch') await this.#sendRest();
      else ways.whole = await this.#sendWhole();
    } catch (error) {
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
    const isKnown = session.isSettled || (await session.query(this.#call));
    const { acknowledged, wasQueried } = session;
    if (isKnown && acknowledged > 0 && acknowledged <= this.#descriptor.size) return true;
    if (!isKnown || wasQueried || acknowledged > 0) this.#session = undefined;
    return false;
  }

  async #open(): Promise<UploadSession> {
    this.#session ??= await UploadSession.open(this.#context, this.#blob, this.#call);
    return this.#session;
  }

  /** One PUT; where the registry refuses that way, one PATCH. Returns the way that has worked. */
  async #sendWhole(): Promise<Way> {
    const session = await this.#open();
    try {
      await this.#confirm(await session.putWhole(this.#descriptor.digest, this.#content, this.#call));
      return 'put';
    } catch (refused) {
      if (!wantsPatch(refused)) throw refused;
      this.#session = undefined;
      try {
        await this.#sendRest();
      } catch (error) {
        // When both ways are refused, the way was not the reason, and the first answer says more.
        throw error instanceof RegistryError && !error.retryable ? refused : error;
      }
      return 'patch';
    }
  }

  /** Sends all that the registry does not have, in one PATCH or in chunks, and the PUT that ends the session. */
  async #sendRest(): Promise<void> {
    const session = await this.#open();
    const { size } = this.#descriptor;
    const { chunkSize } = this.#context;
    const parts = new ContentParts(this.#content);
    try {
      let isStuck = false;
      for (let at = session.acknowledged; at < size; at = session.acknowledged) {
        const chunk = chunkSize === 0 ? size : Math.max(chunkSize, session.minChunk);
        const range = { start: at, end: Math.min(size, at + chunk) };
        try {
          await session.patch({ start: at, content: parts.part(range) }, this.#call);
        } catch (error) {
          // The registry is at another offset than we thought: ask for it, once at each offset.
          if (!isOutOfStep(error) || isStuck || !(await session.query(this.#call))) throw error;
        }
        isStuck = session.acknowledged === at;
        if (session.acknowledged > size) throw this.#overfull(session.acknowledged);
      }
    } finally {
      await parts.close();
    }
    await this.#close(session);
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
