/** A registry of npm with a few tarballs in it, so that a pipeline installs by name and version what is not published yet. */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { runTool } from '../run-tool.js';

export interface NpmRegistry extends AsyncDisposable {
  readonly url: string;
  /** Paths of the requests that were answered with a package or a tarball. */
  readonly served: readonly string[];
}

interface Manifest {
  readonly name: string;
  readonly version: string;
}

/** Starts a registry on a loopback port. It answers for all other packages that it does not have them. */
export async function startNpmRegistry(tarballs: readonly string[]): Promise<NpmRegistry> {
  const content = new Map<string, Buffer>();
  const served: string[] = [];
  const server = createServer((request, response) => {
    const path = decodeURIComponent(request.url ?? '');
    const found = content.get(path);
    if (found !== undefined) served.push(path);
    response.writeHead(found === undefined ? 404 : 200).end(found ?? '{}');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`; // of a TCP server that listens
  for (const tarball of tarballs) {
    const bytes = await readFile(tarball);
    const text = await runTool('tar', ['-xzOf', tarball, 'package/package.json']);
    const manifest = JSON.parse(text.toString('utf8')) as Manifest;
    const { name, version } = manifest;
    const file = `/${name}/-/${name}-${version}.tgz`;
    const integrity = `sha512-${createHash('sha512').update(bytes).digest('base64')}`;
    const dist = { tarball: `${url}${file}`, integrity };
    content.set(file, bytes);
    content.set(
      `/${name}`,
      Buffer.from(
        JSON.stringify({
          name,
          'dist-tags': { latest: version },
          versions: { [version]: { ...manifest, dist } },
        }),
      ),
    );
  }
  return {
    url,
    served,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
