/** The values of flags of `build` that are more than a word. Everything here throws UsageError. */
import { UsageError } from '../../errors.js';

/** `1000:1000`, or `1000` for both. */
export function parseOwner(given: string): { readonly uid: number; readonly gid: number } {
  const [, uid, gid = uid] = /^([0-9]{1,10})(?::([0-9]{1,10}))?$/.exec(given) ?? [];
  if (uid === undefined || Number(uid) >= 2 ** 32 || Number(gid) >= 2 ** 32)
    throw new UsageError(`--owner "${given}" is no owner by numbers`, { hint: 'write it as 1000:1000' });
  return { uid: Number(uid), gid: Number(gid) };
}

/** Seconds since 1970, of a number of them or of a date. */
export function parseTime(given: string): number {
  const seconds = /^@?(-?[0-9]{1,15})$/.exec(given)?.[1];
  const isDate = /^[0-9]{4}-[0-9]{2}-[0-9]{2}(?:T[0-9:.]+(?:Z|[+-][0-9:]+))?$/.test(given);
  const time = seconds === undefined ? (isDate ? Date.parse(given) / 1000 : NaN) : Number(seconds);
  if (Number.isNaN(time))
    throw new UsageError(`--mtime "${given}" is no time`, {
      hint: 'write it as 1764504000, 2026-11-30 or 2026-11-30T12:00:00Z',
    });
  return Math.floor(time);
}

/** A JSON array of texts, or words with spaces between them. */
export function parseWords(name: string, given: string): readonly string[] {
  if (given.trimStart().startsWith('[')) {
    const list = jsonOf(given);
    if (Array.isArray(list) && list.every((word): word is string => typeof word === 'string')) return list;
    throw new UsageError(`--${name} is no JSON array of texts`, {
      hint: 'write it as ["/bin/app","--flag"]',
    });
  }
  if (/["'\\]/.test(given))
    throw new UsageError(`--${name} has quotes, which nothing here takes apart`, {
      hint: 'write it as ["/bin/app","two words"]',
    });
  return given.trim().split(/\s+/);
}

function jsonOf(given: string): unknown {
  try {
    return JSON.parse(given);
  } catch {
    return undefined;
  }
}

/** `80` is a port of TCP. */
export function parsePort(given: string): string {
  if (!/^[0-9]{1,5}(?:-[0-9]{1,5})?(?:\/(?:tcp|udp|sctp))?$/.test(given))
    throw new UsageError(`--port "${given}" is no port`, { hint: 'write it as 80, 53/udp or 8000-8010/tcp' });
  return given.includes('/') ? given : `${given}/tcp`;
}
