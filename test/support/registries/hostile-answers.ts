/**
 * A registry with hostile answers. Whatever it says, a run gets the image that was asked for or ends with one sentence, and other hosts
 * get neither passwords nor tokens.
 */
import assert from 'node:assert/strict';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { test } from 'node:test';
import { InternalError, NydusError } from '../../../src/errors.js';
import { listReferrers } from '../../../src/registry/index.js';
import { openSource } from '../../../src/registry/open.js';
import { noise, readImage, sampleImage } from '../images/opaque-image.js';
import { scriptedRegistry } from './scripted-registry.js';

export const image = sampleImage([noise(5_000, 1)]);
/** The one layer of the image. */
export const layer = image.parts[0] ?? assert.fail('the image has a layer');
const SIZE = image.parts.reduce((sum, { bytes }) => sum + bytes.length, 0);
export const PASSWORD = 'c0rrect-h0rse';
export const TOKEN = 'T0ken-of-the-registry';
export const SECRETS = [PASSWORD, TOKEN, Buffer.from(`me:${PASSWORD}`).toString('base64')];

interface Lab {
  /** This registry, and another host to which it may lead. */
  readonly host: string;
  readonly other: string;
  /** Requests that came to this registry, and to the other host. */
  readonly seen: IncomingMessage[];
  readonly foreign: IncomingMessage[];
}

/** True when the answer is given; false: the registry answers as a good one does. */
type Answer = (request: IncomingMessage, response: ServerResponse, lab: Lab) => boolean;

export interface Attack {
  readonly attack: string;
  readonly answer: Answer;
  /** What the other host answers; the same as a good registry by default. */
  readonly elsewhere?: Answer;
  /** The whole image, or the sentence with which the run ends. */
  readonly ends: 'image' | RegExp;
  readonly run?: 'referrers';
  readonly also?: (lab: Lab) => void;
}

/** Answers as a registry that holds the image; wants no login. */
function good(request: IncomingMessage, response: ServerResponse): void {
  const [, kind, name] = /^\/v2\/a\/(manifests|blobs)\/([^?]+)/.exec(request.url ?? '') ?? [];
  const found = image.parts.find(
    ({ descriptor }, i) =>
      descriptor.digest === name || (kind === 'manifests' && name === '1' && i === image.parts.length - 1),
  );
  if (found === undefined) {
    response.writeHead(request.url === '/v2/' ? 200 : 404).end();
    return;
  }
  const { descriptor, bytes } = found;
  response.writeHead(200, {
    'content-type': kind === 'blobs' ? 'application/octet-stream' : descriptor.mediaType,
    'content-length': bytes.length,
    'docker-content-digest': descriptor.digest,
  });
  response.end(request.method === 'HEAD' ? undefined : bytes);
}

/** True for the request of the layer. */
export const isLayer = ({ url = '', method }: IncomingMessage): boolean =>
  method === 'GET' && url.includes(layer.descriptor.digest);
export const isTag = ({ url = '' }: IncomingMessage): boolean => url.endsWith('/manifests/1');

export function replyTo(
  which: (request: IncomingMessage) => boolean,
  reply: (response: ServerResponse, lab: Lab, request: IncomingMessage) => void,
): Answer {
  return (request, response, lab) => {
    if (!which(request)) return false;
    reply(response, lab, request);
    return true;
  };
}

/** Wants a token from `realm`, and gives one there. */
export function wanting(
  realm: (lab: Lab) => string,
  grant: object = { token: TOKEN },
  more: (lab: Lab) => string = () => '',
): Answer {
  return (request, response, lab) => {
    if (request.url?.startsWith('/token') === true) {
      // Everybody gets a token, and only the one for the password is a secret.
      const isOurs = request.headers.authorization !== undefined;
      response.end(JSON.stringify(isOurs ? grant : { token: 'for-everybody' }));
      return true;
    }
    if (request.url === '/v2/' || request.headers.authorization === `Bearer ${TOKEN}`) return false;
    response
      .writeHead(401, { 'www-authenticate': `${more(lab)}Bearer realm="${realm(lab)}",service="s"` })
      .end();
    return true;
  };
}

export const tokenOf = ({ host }: Lab): string => `http://${host}/token`;
export const tokenRequest = ({ seen }: Lab): IncomingMessage =>
  seen.find(({ url }) => url?.startsWith('/token') === true) ?? assert.fail('no token was asked for');
export const raw = (response: ServerResponse, text: string, body: Uint8Array = layer.bytes): void => {
  response.socket?.write(Buffer.concat([Buffer.from(`HTTP/1.1 ${text}\r\n\r\n`, 'latin1'), body]));
};
export const led = (to: (lab: Lab) => string): Answer =>
  replyTo(isLayer, (response, lab) => response.writeHead(307, { location: to(lab) }).end());

/** Adds a test for each attack. */
export function tryAttacks(attacks: readonly Attack[]): void {
  for (const { attack, answer, elsewhere, ends, run, also } of attacks) {
    test(`a hostile registry: ${attack}`, { concurrency: true, timeout: 30_000 }, async (t) => {
      const [seen, foreign] = [[] as IncomingMessage[], [] as IncomingMessage[]];
      const names = { host: '', other: '' };
      const lab: Lab = { ...names, seen, foreign };
      const other = await scriptedRegistry(t, (request, response) => {
        foreign.push(request);
        if (elsewhere?.(request, response, full) !== true) good(request, response);
      });
      const host = await scriptedRegistry(t, (request, response) => {
        seen.push(request);
        if (!answer(request, response, full)) good(request, response);
      });
      const full: Lab = { ...lab, host, other };
      await using source = openSource(`${host}/a:1`, {
        credentials: {
          description: 'a test',
          get: (name) => Promise.resolve(name === host ? { username: 'me', password: PASSWORD } : undefined),
        },
        retry: { attempts: 2, baseMs: 1, capMs: 1 },
        timeouts: { idleMs: 2_000, answerMs: 2_000 },
      });
      const outcome = await (
        run === 'referrers' ? listReferrers(source, image.manifest.digest) : readImage(source)
      ).catch((error: unknown) => error);
      if (ends === 'image') {
        assert.ok(!(outcome instanceof Error), String(outcome));
        assert.equal(outcome, SIZE);
      } else {
        assert.ok(outcome instanceof NydusError && !(outcome instanceof InternalError), String(outcome));
        assert.match(outcome.message, ends);
        for (const secret of SECRETS) assert.ok(!outcome.message.includes(secret), outcome.message);
      }
      for (const { headers, url } of foreign)
        for (const secret of SECRETS) assert.ok(!JSON.stringify([headers, url]).includes(secret), `${url}`);
      also?.(full);
    });
  }
}
