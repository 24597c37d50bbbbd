/** A registry of ours with a repository, and what is asked of it. */
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

type Intercept = (request: IncomingMessage, response: ServerResponse) => boolean;

export interface Rig {
  readonly host: string;
  readonly seen: ObservedRequest[];
  /** `METHOD path-without-query` of all requests so far, digests cut. */
  readonly lines: () => string[];
  intercept: Intercept;
}

export async function rig(t: TestContext): Promise<Rig> {
  const seen: ObservedRequest[] = [];
  const registry = await startRegistry({
    root: await tempFolder(t),
    observe: (request) => seen.push(request),
    intercept: (request, response) => result.intercept(request, response),
  });
  t.after(() => registry.close());
  const result: Rig = {
    host: registry.host,
    seen,
    lines: () =>
      seen.map(
        ({ method, path }) =>
          `${method} ${path
            .replace(/\?.*/, '')
            .replace(/sha256:\w+/, 'D')
            .replace(/uploads\/.+/, 'uploads/S')}`,
      ),
    intercept: () => false,
  };
  return result;
}

export function answer(
  response: ServerResponse,
  status: number,
  body = '',
  headers: Record<string, string> = {},
): boolean {
  response.writeHead(status, headers).end(body);
  return true;
}
