/** Settings of one registry that a program gives, for those that need no `hosts.toml`. */
import { FormatError } from '../../errors.js';
import { hasUserInfo, withoutUserInfo } from '../../oci/user-info.js';
import { hostRoot } from './host-entry.js';
import type { Endpoint } from './endpoints.js';

export interface RegistrySettings {
  /** Speak HTTP with it. */
  readonly plainHttp?: boolean | undefined;
  /** Do not verify its certificate. Unlike the option for all of a side, this never leads to HTTP. */
  readonly insecure?: boolean | undefined;
  /** PEM files of authorities to trust for it and for its mirrors. */
  readonly ca?: readonly string[] | undefined;
  /** The URL at which it is reached, in place of its own name; logins for the name hold there. */
  readonly endpoint?: string | undefined;
  /** URLs, asked in order for blobs and for manifests by digest; only the registry itself knows what a tag means. */
  readonly mirrors?: readonly string[] | undefined;
}

/** By registry, as references have it. */
export type SettingsByRegistry = Readonly<Record<string, RegistrySettings>>;

/** The mirrors and the registry itself, in the order in which to try them. */
export function endpointsBySettings(
  itself: Endpoint,
  registry: string,
  { plainHttp = false, insecure = false, ca = [], endpoint, mirrors = [] }: RegistrySettings,
): readonly Endpoint[] {
  return [
    ...mirrors.map((text): Endpoint => {
      const root = hostUrl(text);
      const tls = { ca, skipVerify: false };
      return { ...itself, host: root.host, root, capabilities: ['pull'], tls, namespace: registry };
    }),
    {
      ...itself,
      root:
        endpoint !== undefined
          ? hostUrl(endpoint)
          : plainHttp
            ? new URL(`http://${itself.host}/v2`)
            : undefined,
      // Undefined leaves the choice to the option for all of a side.
      tls: { ca, skipVerify: insecure ? true : undefined },
    },
  ];
}

/** The root of the API of a mirror or an endpoint. Throws FormatError. */
export function hostUrl(text: string): URL {
  if (hasUserInfo(text)) {
    throw new FormatError(`"${withoutUserInfo(text)}" holds a user and a password`, {
      hint: 'leave them out: the logins that are stored for the host are used',
    });
  }
  return hostRoot(text, false);
}
