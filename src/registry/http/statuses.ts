/** Classes of HTTP statuses. RFC 9110, 15, and what proxies and content networks add to it. */

/** Server errors that another attempt will meet again. */
const LASTING: ReadonlySet<number> = new Set([
  501, // the method is not implemented
  505, // nor this version of HTTP
  507, // the space is used up
  511, // the network wants a login
]);

/** Refusals that pass by themselves. 499 comes from proxies whose own server was too slow. */
const PASSING: ReadonlySet<number> = new Set([408, 425, 429, 499]);

/** True when the same request may succeed later: the four refusals that pass, and server errors, those of content networks (520 to 530) among them. */
export function isTransient(status: number): boolean {
  return PASSING.has(status) || (status >= 500 && status <= 599 && !LASTING.has(status));
}
