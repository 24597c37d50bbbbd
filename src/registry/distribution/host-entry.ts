/** A host that serves a registry's images, as a settings file describes it. */
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
