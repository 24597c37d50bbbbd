/** The names of blobs in a backend. */

/** The hex digits of a SHA-256, as `nydusd` asks for a blob. */
export function isBlobName(name: string): boolean {
  return /^[0-9a-f]{64}$/.test(name);
}
