/** Compares secrets without telling by the time how much of them is right. */
import { createHash, timingSafeEqual } from 'node:crypto';

/** True if both texts are equal. Digests of both are compared, so that not even the length shows. */
export function isSecret(given: string, secret: string): boolean {
  return timingSafeEqual(digestOf(given), digestOf(secret));
}

function digestOf(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

const BEARER = /^Bearer +(\S+)$/i;

/** The token of an `Authorization` header. */
export function bearerToken(header: string | undefined): string | undefined {
  return BEARER.exec(header ?? '')?.[1];
}
