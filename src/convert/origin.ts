/** The place that an image was first converted from, as the converted image records it. */
import { formatLocation, type Location, parseLocation } from '../registry/location.js';

/**
 * `located`: a location of this run. `recorded`: the words of an earlier run, or of another tool, found in a manifest; they are
 * written again as they stand, since converting an image twice must give the same bytes.
 */
export type Origin =
  | { readonly kind: 'located'; readonly location: Location }
  | { readonly kind: 'recorded'; readonly text: string };

/** For the annotation, and for people. */
export function originText(origin: Origin): string {
  return origin.kind === 'recorded' ? origin.text : formatLocation(origin.location);
}

/** Throws InvalidReferenceError for recorded words that name no place. */
export function originLocation(origin: Origin): Location {
  return origin.kind === 'recorded' ? parseLocation(origin.text) : origin.location;
}
