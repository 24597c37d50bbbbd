/** The embedded registry, with a record of its requests and a place for faults; and content to put into it. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { TestContext } from 'node:test';
import { type ObservedRequest, startRegistry } from '../../../src/embedded-registry/server.js';
import { MEDIA } from '../../../src/oci/media-types.js';
import { anonymous } from '../../../src/registry/auth/credentials.js';
import { describe, noise, sampleImage } from '../images/opaque-image.js';
import { tempFolder } from '../temp-folder.js';

export const options = { credentials: anonymous, retry: { attempts: 4, baseMs: 1, capMs: 100 } };
export const image = sampleImage([noise(400_000, 1), noise(3000, 2)]);
export const blob = { descriptor: describe(MEDIA.ociLayerTar, noise(200_000, 7)), bytes: noise(200_000, 7) };

export interface ObservedRegistry {
  readonly host: string;
  /** The registry's folder. */
  readonly root: string;
  /** Every request so far, with its answer; a test may empty it. */
  readonly seen: ObservedRequest[];
  /** `METHOD path` of every request so far, without queries; digests are `D`, sessions `S`. */
  readonly lines: () => string[];
  /** Sees each request first, and returns true when it has answered. A test may replace it at any time. */
  intercept: (request: IncomingMessage, response: ServerResponse) => boolean | Promise<boolean>;
}

export async function observedRegistry(
  t: TestContext,
  intercept: ObservedRegistry['intercept'] = () => false,
): Promise<ObservedRegistry> {
  const seen: ObservedRequest[] = [];
  const root = await tempFolder(t);
  const registry = await startRegistry({
    root,
    observe: (request) => void seen.push(request),
    intercept: (request, response) => observed.intercept(request, response),
  });
  t.after(() => registry.close());
  const observed: ObservedRegistry = {
    host: registry.host,
    root,
    seen,
    lines: () =>
      seen.map(
        ({ method, path }) =>
          `${method} ${path
            .replace(/\?.*/, '')
            .replace(/sha256:\w+/, 'D')
            .replace(/uploads\/.+/, 'uploads/S')}`,
      ),
    intercept,
  };
  return observed;
}

/** Answers a request, as an `intercept` does. */
export function answer(
  response: ServerResponse,
  status: number,
  body = '',
  headers: Record<string, string> = {},
): boolean {
  response.writeHead(status, headers).end(body);
  return true;
}
