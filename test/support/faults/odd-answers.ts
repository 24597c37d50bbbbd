/** Registries that are whole and odd: they confirm no subject, take uploads elsewhere, or send slowly. */
import { readFile } from 'node:fs/promises';
import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** Bytes of the layer of `large`, and the pause near its end, so that there is a while in which its blob is being made. */
export const LARGE = { bytes: 8 * 1024 * 1024, lastBytes: 1024 * 1024, pauseMs: 600 };

/** Takes the confirmation of a subject from the answer. */
export function hideSubject(response: ServerResponse): void {
  const writeHead = response.writeHead.bind(response);
  Object.assign(response, {
    writeHead: (status: number, headers: OutgoingHttpHeaders = {}) =>
      writeHead(
        status,
        Object.fromEntries(Object.entries(headers).filter(([name]) => name !== 'oci-subject')),
      ),
  });
}

/** Uploads that the answer opens go on at `origin`. */
export function moveLocation(response: ServerResponse, origin: string): void {
  const writeHead = response.writeHead.bind(response);
  Object.assign(response, {
    writeHead: (status: number, headers: OutgoingHttpHeaders = {}) => {
      const { location } = headers;
      const isUpload = typeof location === 'string' && /^\/v2\/.*\/uploads\//.test(location);
      return writeHead(status, isUpload ? { ...headers, location: `${origin}${location}` } : headers);
    },
  });
}

/** Sends a large blob with a pause near its end; false for every other request. */
export async function sendWithPause(
  { method, url = '', headers }: IncomingMessage,
  response: ServerResponse,
  root: string,
): Promise<boolean> {
  const hex = /\/blobs\/sha256:([0-9a-f]{64})$/.exec(url)?.[1];
  if (method !== 'GET' || hex === undefined || headers.range !== undefined) return false;
  const bytes = await readFile(join(root, 'blobs', hex));
  if (bytes.length < LARGE.bytes) return false;
  response.writeHead(200, { 'content-length': bytes.length });
  response.write(bytes.subarray(0, -LARGE.lastBytes));
  await sleep(LARGE.pauseMs);
  response.end(bytes.subarray(-LARGE.lastBytes));
  return true;
}
