/** Opens a pool of connections for each origin, with the TLS settings and the proxy that apply to it. */
import { setMaxListeners } from 'node:events';
import { InternalError } from '../../errors.js';
import type { buildConnector as BuildConnector, Dispatcher } from 'undici';
import type { NamedHosts } from './addresses.js';
import { connectorFor } from './connector.js';
import { tunnelConnector } from './http-tunnel.js';
import { isSocks, type Proxies, proxyFor } from './proxies.js';
import { socksConnector } from './socks.js';
import { identityFault, type TlsSettings, type Trust } from './trust.js';
import { Agent } from './undici.js';

export interface Route {
  readonly dispatcher: Dispatcher;
  /** Named in messages, because a failure may be the proxy's. */
  readonly proxy: URL | undefined;
  /**
   * Set when the proxy is asked for whole URLs instead of a tunnel, as for plain HTTP (RFC 9112, 3.2.2): the headers for the proxy
   * itself. Many proxies make tunnels to port 443 alone.
   */
  readonly forward: Readonly<Record<string, string>> | undefined;
  /** The stage of trust, see `Trust`. */
  readonly stage: number;
}

export interface RouteOptions {
  readonly trust: Trust;
  readonly proxies: Proxies;
  /** Milliseconds. */
  readonly connectMs: number;
  /** Looks up the names of hosts that are connected to without a proxy. */
  readonly lookup: NamedHosts['lookup'];
  /** At most so many to one origin. */
  readonly connections: number;
}

export class Routes implements AsyncDisposable {
  readonly #options: RouteOptions;
  /** Keyed by origin. */
  readonly #routes = new Map<string, Promise<Route | undefined>>();
  /** Ends connections that are still being made; a dispatcher ends only those that stand. */
  readonly #closed = new AbortController();

  constructor(options: RouteOptions) {
    this.#options = options;
    setMaxListeners(0, this.#closed.signal);
  }

  /** The route to the URL's origin, opened once. Throws what `Trust` and `proxyFor` throw. */
  async to(url: URL): Promise<Route> {
    const opened = this.#routes.get(url.origin) ?? this.#open(url, 0);
    this.#routes.set(url.origin, opened);
    const route = await opened;
    if (route === undefined) throw new InternalError(`no way to ${url.origin}`);
    return route;
  }

  /**
   * Called after `route` led to a certificate of an authority that is not trusted. True when there are more authorities to trust;
   * then `to` gives a route that trusts them.
   */
  async widen(url: URL, route: Route): Promise<boolean> {
    // Another request may have widened the route before.
    if ((await this.#routes.get(url.origin)) !== route) return true;
    const opened = this.#open(url, route.stage + 1);
    const wider = await opened;
    if (wider === undefined) return false;
    this.#routes.set(url.origin, opened);
    await route.dispatcher.close();
    return true;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const opened of this.#routes.values()) {
      const route = await opened.catch(() => undefined);
      await route?.dispatcher.destroy();
    }
    this.#closed.abort();
  }

  /** Undefined beyond the last stage of trust. */
  async #open(url: URL, stage: number): Promise<Route | undefined> {
    const { proxies, connections, trust } = this.#options;
    const connectMs = (await trust.dialTimeoutMs(url.host)) ?? this.#options.connectMs;
    const proxy = proxyFor(url, proxies);
    const own = await this.#settings(url, 'registry', stage);
    const ofProxy = proxy === undefined ? undefined : await this.#settings(proxy, 'proxy', stage);
    // One of the two may have more stages than the other.
    if (stage > 0 && own.stage < stage && (ofProxy === undefined || ofProxy.stage < stage)) return undefined;
    const { signal } = this.#closed;
    const agent = (connect: BuildConnector.connector): Dispatcher =>
      new Agent({ connections, pipelining: 1, connect });
    const direct = (tls: object): Dispatcher => agent(connectorFor({ timeout: connectMs, signal, ...tls }));
    if (proxy === undefined || ofProxy === undefined) {
      const { lookup } = this.#options;
      return { dispatcher: direct({ ...own.tls, lookup }), proxy, forward: undefined, stage };
    }
    if (isSocks(proxy)) {
      const [username, password] = [decoded(proxy.username), decoded(proxy.password)];
      const options = { proxy, username, password, timeoutMs: connectMs, tls: own.tls, signal };
      return { dispatcher: agent(socksConnector(options)), proxy, forward: undefined, stage };
    }
    const authorization = proxy.username === '' ? undefined : `Basic ${proxyCredentials(proxy)}`;
    if (url.protocol === 'http:') {
      const forward = authorization === undefined ? {} : { 'proxy-authorization': authorization };
      return { dispatcher: direct(ofProxy.tls), proxy, forward, stage };
    }
    const tunnel = {
      proxy,
      authorization,
      timeoutMs: connectMs,
      proxyTls: ofProxy.tls,
      tls: own.tls,
      signal,
    };
    return { dispatcher: agent(tunnelConnector(tunnel)), proxy, forward: undefined, stage };
  }

  /** The settings of `stage`, or of the last stage before it that exists. */
  async #settings(
    url: URL,
    kind: 'registry' | 'proxy',
    stage: number,
  ): Promise<{ readonly tls: object; readonly stage: number }> {
    if (url.protocol !== 'https:') return { tls: {}, stage: 0 };
    for (let at = stage; at >= 0; at--) {
      const settings = await this.#options.trust.settingsFor(url.host, kind, at);
      if (settings !== undefined) return { tls: tlsOf(settings), stage: at };
    }
    return { tls: {}, stage: 0 };
  }
}

/** Leaves out what is not set, because undici spreads these settings over its own. */
function tlsOf({ secureContext, rejectUnauthorized }: TlsSettings): object {
  return {
    rejectUnauthorized,
    checkServerIdentity: identityFault,
    ...(secureContext === undefined ? {} : { secureContext }),
  };
}

/** `user:password` in base64, for the proxy's Basic authentication. */
export function proxyCredentials(proxy: URL): string {
  return Buffer.from(`${decoded(proxy.username)}:${decoded(proxy.password)}`).toString('base64');
}

/** Decodes `%XX`; leaves a text that was never encoded as it is, such as a password with a lone `%`. */
export function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
