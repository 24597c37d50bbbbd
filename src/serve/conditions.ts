/** Conditional requests (RFC 9110, 13): whether a client has the content, and whether a range is of the content that it has. */
import type { IncomingHttpHeaders } from 'node:http';
import type { Entity } from './entity.js';

/** The status that takes the place of the content; undefined when the content is to be sent. */
export function conditionStatus(
  headers: IncomingHttpHeaders,
  { etag, lastModified }: Entity,
): 304 | 412 | undefined {
  const modified = secondsOf(lastModified);
  if (headers['if-match'] !== undefined) {
    if (!names(headers['if-match'], etag, false)) return 412;
  } else {
    const since = secondsOf(headers['if-unmodified-since']);
    if (since !== undefined && modified !== undefined && modified > since) return 412;
  }
  if (headers['if-none-match'] !== undefined)
    return names(headers['if-none-match'], etag, true) ? 304 : undefined;
  const since = secondsOf(headers['if-modified-since']);
  return since !== undefined && modified !== undefined && modified <= since ? 304 : undefined;
}

/** True if a range of the content is meant: without `If-Range`, or when that names this very content. */
export function isRangeMeant(headers: IncomingHttpHeaders, { etag, lastModified }: Entity): boolean {
  const value = headers['if-range'];
  if (value === undefined) return true;
  const condition = String(value).trim();
  return condition.startsWith('"') ? condition === etag : condition === lastModified;
}

/** True if the list has the tag. `If-None-Match` compares weakly, where a tag from a cache may have become weak. */
function names(list: string, etag: string, isWeak: boolean): boolean {
  if (list.trim() === '*') return true;
  return list.split(',').some((one) => {
    const tag = one.trim();
    return tag === etag || (isWeak && tag === `W/${etag}`);
  });
}

function secondsOf(date: string | undefined): number | undefined {
  if (date === undefined) return undefined;
  const time = Date.parse(date);
  return Number.isNaN(time) ? undefined : Math.floor(time / 1000);
}
