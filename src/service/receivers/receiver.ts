/** What every receiver makes of a request: images that were pushed, or the reason why it is none of its business. */
import * as v from 'valibot';
import { NydusError } from '../../errors.js';
import { parseReference } from '../../oci/reference.js';
import type { Webhook } from '../config/webhooks.js';
import type { PushedImage } from '../intake.js';

export interface Delivery {
  /** In lower case. */
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly mediaType: string;
  readonly json: unknown;
}

/** An image of an event, or the fault of its name, which does not keep the others from being accepted. */
export type Named = PushedImage | { readonly source: string; readonly fault: string };

export type Received =
  | { readonly kind: 'pushed'; readonly images: readonly Named[] }
  | { readonly kind: 'ignored'; readonly reason: IgnoredReason };

/** A closed list, since metrics count by it. */
export type IgnoredReason = 'event-type' | 'media-type' | 'action' | 'no-image' | 'ping' | 'result';

export interface Receiver {
  /** Throws BodyError and ForeignRegistryError. */
  readonly read: (delivery: Delivery, webhook: Webhook) => Received;
}

/** The body is not as this sender writes it; the message names the member. */
export class BodyError extends Error {
  override readonly name = 'BodyError';
}

/** The event is about a registry that the receiver is not for. */
export class ForeignRegistryError extends Error {
  override readonly name = 'ForeignRegistryError';
}

/** Images of one body at most. */
export const MAX_IMAGES = 1000;

export function ignored(reason: IgnoredReason): Received {
  return { kind: 'ignored', reason };
}

export function pushed(images: readonly Named[]): Received {
  return { kind: 'pushed', images };
}

/** Throws BodyError, which names the member that is wrong. */
export function parsed<S extends v.GenericSchema>(schema: S, json: unknown): v.InferOutput<S> {
  const result = v.safeParse(schema, json);
  if (result.success) return result.output;
  const [issue] = result.issues;
  const path = v.getDotPath(issue);
  throw new BodyError(`${path === null ? 'the body' : path}: ${issue.message}`);
}

/** A name from a body in the receiver's registry. Without a tag the repository is looked at. */
export function imageOf(registry: string, repository: string, tag: string | null | undefined): Named {
  const isTagged = tag !== undefined && tag !== null && tag !== '';
  const source = `${registry}/${repository}${isTagged ? `:${tag}` : ''}`;
  try {
    const named = parseReference(source);
    if (named.registry !== registry || named.digest !== undefined)
      throw new BodyError('the name is no repository');
    return { registry, repository: named.repository, tag: isTagged ? named.tag : undefined };
  } catch (error) {
    if (!(error instanceof NydusError) && !(error instanceof BodyError)) throw error;
    return { source: source.slice(0, MAX_SHOWN), fault: error.message };
  }
}

/** A name with a host, of which another host takes the place: the sender's own says where it was asked, not what it is. */
export function imageIn(registry: string, url: string): Named {
  try {
    const { repository, tag } = parseReference(url);
    return { registry, repository, tag };
  } catch (error) {
    if (!(error instanceof NydusError)) throw error;
    return { source: url.slice(0, MAX_SHOWN), fault: error.message };
  }
}

const MAX_SHOWN = 300;
