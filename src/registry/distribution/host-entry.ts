/** A host that serves a registry's images, as a settings file describes it. */
import { FormatError } from '../../errors.js';
import { withoutUserInfo } from '../../oci/user-info.js';
import type { HostTls } from '../http/trust.js';

export type Capability = 'pull' | 'resolve' | 'push';
export const ALL_CAPABILITIES: readonly Capability[] = ['pull', 'resolve', 'push'];

/** One host as the file describes it. */
export interface HostEntry {
  /** The URL with the path of the API, `/v2` as a rule; undefined for the registry itself. */
  readonly root: URL | undefined;
  readonly capabilities: readonly Capability[];
  readonly tls: HostTls;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
}

/** The root of a host's API, of a URL or a host alone. Throws FormatError. */
export function hostRoot(name: string, overridePath: boolean): URL {
  let url: URL;
  try {
    url = new URL(/^[a-z]+:\/\//i.test(name) ? name : `https://${name}`);
  } catch {
    throw new FormatError(`"${withoutUserInfo(name)}" is no host`);
  }
  if (url.protocol !== 'https:' && url.protocol !== 'http:')
    throw new FormatError(`"${withoutUserInfo(name)}" is neither http nor https`);
  const below = url.pathname.replace(/\/+$/, '');
  url.pathname = overridePath || below.endsWith('/v2') ? below : `${below}/v2`;
  return url;
}
