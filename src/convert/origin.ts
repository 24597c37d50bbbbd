/** The origin is the place that an image was first converted from, as the converted image records it. */
import { formatLocation, type Location, parseLocation } from '../registry/location.js';

/**
 * `located` is a location of this run. `recorded` is text that an earlier run or another tool wrote into a manifest; it
 * is written again unchanged, since converting an image twice must give the same bytes.
 */
export type Origin =
  | { readonly kind: 'located'; readonly location: Location }
  | { readonly kind: 'recorded'; readonly text: string };

/** Returns the text for the annotation and for messages. */
export function originText(origin: Origin): string {
  return origin.kind === 'recorded' ? origin.text : formatLocation(origin.location);
}

/** Throws InvalidReferenceError if the recorded text is no location. */
export function originLocation(origin: Origin): Location {
  return origin.kind === 'recorded' ? parseLocation(origin.text) : origin.location;
}
