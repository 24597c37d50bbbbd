/** The name by which what was pushed is deployed. */
import type { Descriptor } from '../oci/descriptor.js';
import type { Location } from '../registry/location.js';

/** `repository@digest` for a registry; for files the location with the digest behind it. */
export async function deployName(target: Location, { digest }: Descriptor): Promise<string> {
  const { formatLocation, withDigest } = await import('../registry/location.js');
  return formatLocation(target.kind === 'registry' ? withDigest(target, digest) : { ...target, digest });
}
