/** Keeps passwords out of messages that repeat a name from outside. */

const SCHEME = /^[a-z][a-z0-9+.-]*:\/\//i;
/** The digest of a reference, or a text that was meant for one. */
const DIGEST = /@[a-z0-9+._-]+:[0-9a-f]*$/i;

/** The text with `REDACTED` for a user and a password before a host, as in `user:password@host/app`. */
export function withoutUserInfo(text: string): string {
  const { start, end } = userInfo(text) ?? { start: 0, end: 0 };
  return end === 0 ? text : `${text.slice(0, start)}REDACTED${text.slice(end)}`;
}

/** True for `user:password@host/app`, with or without a scheme. */
export function hasUserInfo(text: string): boolean {
  return userInfo(text) !== undefined;
}

function userInfo(text: string): { readonly start: number; readonly end: number } | undefined {
  const start = SCHEME.exec(text)?.[0].length ?? 0;
  const name = text.replace(DIGEST, '');
  const end = name.lastIndexOf('@');
  if (end <= start) return undefined;
  const user = name.slice(start, end);
  // Behind a path stands a digest, even a wrong one, unless another path follows.
  const isUser = start > 0 || name.includes('/', end) || (user.includes(':') && !user.includes('/'));
  return isUser ? { start, end } : undefined;
}
