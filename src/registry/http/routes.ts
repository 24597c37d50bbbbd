/** How each origin is reached: a pool of connections with the TLS settings and the proxy that hold for it. */
import { InternalError } from '../../errors.js';
import type { Dispatcher } from 'undici';
import { connectorFor } from './connector.js';
import { isSocks, type Proxies, proxyFor } from './proxies.js';
import { socksConnector } from './socks.js';
import type { TlsSettings, Trust } from './trust.js';
import { Agent, ProxyAgent, ProxyPool } from './undici.js';

export interface Route {
  readonly dispatcher: Dispatcher;
  /** For messages: a failure may be the proxy's. */
  readonly proxy: URL | undefined;
  /** Of trust, see `Trust`. */
  readonly stage: number;
}

export interface RouteOptions {
  readonly trust: Trust;
  readonly proxies: Proxies;
  /** Milliseconds. */
  readonly connectMs: number;
  /** To one origin. */
  readonly connections: number;
}

export class Routes implements AsyncDisposable {
  readonly #options: RouteOptions;
  /** By origin. */
  readonly #routes = new Map<string, Promise<Route | undefined>>();

  constructor(options: RouteOptions) {
    this.#options = options;
  }

  /** Throws what `Trust` and `proxyFor` throw. */
  async to(url: URL): Promise<Route> {
    const opened = this.#routes.get(url.origin) ?? this.#open(url, 0);
    this.#routes.set(url.origin, opened);
    const route = await opened;
    if (route === undefined) throw new InternalError(`no way to ${url.origin}`);
    return route;
  }

  /**
   * After `route` led to a certificate of an authority that is not believed: true when more authorities can be asked, and
   * `to` now gives the way that does so.
   */
  async widen(url: URL, route: Route): Promise<boolean> {
    // Another request may have found out before.
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
  }

  /** Undefined behind the last stage of trust. */
  async #open(url: URL, stage: number): Promise<Route | undefined> {
    const { proxies, connections, trust } = this.#options;
    const connectMs = (await trust.dialTimeoutMs(url.host)) ?? this.#options.connectMs;
    const proxy = proxyFor(url, proxies);
    const own = await this.#settings(url, 'registry', stage);
    const ofProxy = proxy === undefined ? undefined : await this.#settings(proxy, 'proxy', stage);
    // One of the two may have more stages than the other.
    if (stage > 0 && own.stage < stage && (ofProxy === undefined || ofProxy.stage < stage)) return undefined;
    const connect = { timeout: connectMs, ...own.tls };
    const common = { connections, pipelining: 1 };
    if (proxy === undefined || ofProxy === undefined)
      return { dispatcher: new Agent({ ...common, connect: connectorFor(connect) }), proxy, stage };
    if (isSocks(proxy)) {
      const [username, password] = [decoded(proxy.username), decoded(proxy.password)];
      const socks = socksConnector({ proxy, username, password, timeoutMs: connectMs, tls: own.tls });
      return { dispatcher: new Agent({ ...common, connect: socks }), proxy, stage };
    }
    const dispatcher = new ProxyAgent({
      ...common,
      uri: proxy.origin,
      clientFactory: (origin, options) => new ProxyPool(origin, options),
      ...(proxy.username === '' ? {} : { token: `Basic ${proxyCredentials(proxy)}` }),
      requestTls: connect,
      proxyTls: { timeout: connectMs, ...ofProxy.tls },
    });
    return { dispatcher, proxy, stage };
  }

  /** Those of the last stage there is, up to `stage`. */
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

/** Only what is set: undici spreads these over its own. */
function tlsOf({ secureContext, rejectUnauthorized }: TlsSettings): object {
  return { rejectUnauthorized, ...(secureContext === undefined ? {} : { secureContext }) };
}

/** `user:password` in base64, as the proxy is told. */
export function proxyCredentials(proxy: URL): string {
  return Buffer.from(`${decoded(proxy.username)}:${decoded(proxy.password)}`).toString('base64');
}

/** As it is where it was never encoded: passwords with a lone `%` are written, too. */
export function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
