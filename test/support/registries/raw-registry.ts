/** A registry that serves what it is given and refuses nothing: the one place where broken indexes can lie. Read only. */
import { once } from 'node:events';
import { createServer } from 'node:http';

export interface RawRepository {
  /** By tag or digest: media type and bytes. */
  readonly manifests: ReadonlyMap<string, { readonly mediaType: string; readonly bytes: Uint8Array }>;
  readonly blobs: ReadonlyMap<string, Uint8Array>;
  /** By digest of the subject; undefined: there is no such API. */
  readonly referrers?: ReadonlyMap<string, Uint8Array> | undefined;
}

export interface RawRegistry extends AsyncDisposable {
  readonly host: string;
}

const PATH = /^\/v2\/(.+)\/(manifests|blobs|referrers)\/([^/]+)$/;

/** Repositories by name, looked up at each request. */
export async function startRawRegistry(
  repositories: ReadonlyMap<string, RawRepository>,
): Promise<RawRegistry> {
  const server = createServer((request, response) => {
    const [, name = '', kind, item = ''] = PATH.exec(request.url ?? '') ?? [];
    const repository = repositories.get(name);
    const found = ((): { mediaType: string; bytes: Uint8Array } | undefined => {
      const bytesOf = (bytes: Uint8Array | undefined, mediaType: string) =>
        bytes === undefined ? undefined : { bytes, mediaType };
      if (request.url === '/v2/') return { bytes: Buffer.from('{}'), mediaType: 'application/json' };
      if (kind === 'manifests') return repository?.manifests.get(item);
      if (kind === 'blobs') return bytesOf(repository?.blobs.get(item), 'application/octet-stream');
      const index = 'application/vnd.oci.image.index.v1+json';
      return kind === 'referrers' ? bytesOf(repository?.referrers?.get(item), index) : undefined;
    })();
    if (found === undefined) {
      response.writeHead(404, { 'content-type': 'application/json' });
      response.end('{"errors":[{"code":"MANIFEST_UNKNOWN","message":"not here"}]}');
      return;
    }
    const digest = repository?.manifests.has(item) === true ? digestUnder(repository, item) : undefined;
    response.writeHead(200, {
      'content-type': found.mediaType,
      'content-length': found.bytes.length,
      ...(digest === undefined ? {} : { 'docker-content-digest': digest }),
    });
    response.end(request.method === 'HEAD' ? undefined : found.bytes);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('a TCP server has no port');
  return {
    host: `127.0.0.1:${address.port}`,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

/** The digest under which the same manifest lies that a tag names. */
function digestUnder({ manifests }: RawRepository, item: string): string | undefined {
  if (item.startsWith('sha256:')) return item;
  const tagged = manifests.get(item);
  return [...manifests].find(([key, value]) => key.startsWith('sha256:') && value === tagged)?.[0];
}
