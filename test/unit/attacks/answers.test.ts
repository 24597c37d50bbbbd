/**
 * Answers of a hostile registry. Whatever it says, a run gets the image that was asked for or ends with one sentence, and other hosts
 * get neither passwords nor tokens.
 */
import assert from 'node:assert/strict';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { InternalError, NydusError } from '../../../src/errors.js';
import { MEDIA } from '../../../src/oci/media-types.js';
import { listReferrers } from '../../../src/registry/index.js';
import { openSource } from '../../../src/registry/open.js';
import { noise, readImage, sampleImage } from '../../support/images/opaque-image.js';
import { scriptedRegistry } from '../../support/registries/scripted-registry.js';

const image = sampleImage([noise(5_000, 1)]);
const [layer] = image.parts;
assert.ok(layer);
const SIZE = image.parts.reduce((sum, { bytes }) => sum + bytes.length, 0);
const PASSWORD = 'c0rrect-h0rse';
const TOKEN = 'T0ken-of-the-registry';
const SECRETS = [PASSWORD, TOKEN, Buffer.from(`me:${PASSWORD}`).toString('base64')];

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

interface Attack {
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
const isLayer = ({ url = '', method }: IncomingMessage): boolean =>
  method === 'GET' && url.includes(layer.descriptor.digest);
const isTag = ({ url = '' }: IncomingMessage): boolean => url.endsWith('/manifests/1');

function replyTo(
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
function wanting(
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

const tokenOf = ({ host }: Lab): string => `http://${host}/token`;
const tokenRequest = ({ seen }: Lab): IncomingMessage =>
  seen.find(({ url }) => url?.startsWith('/token') === true) ?? assert.fail('no token was asked for');
const raw = (response: ServerResponse, text: string, body: Uint8Array = layer.bytes): void => {
  response.socket?.write(Buffer.concat([Buffer.from(`HTTP/1.1 ${text}\r\n\r\n`, 'latin1'), body]));
};
const led = (to: (lab: Lab) => string): Answer =>
  replyTo(isLayer, (response, lab) => response.writeHead(307, { location: to(lab) }).end());

const ATTACKS: readonly Attack[] = [
  {
    attack: 'a realm whose query asks for scopes of other repositories',
    answer: wanting((lab) => `${tokenOf(lab)}?scope=repository:secret:pull,push&scope=registry:catalog:*`),
    ends: 'image',
    also: (lab) => {
      const { searchParams } = new URL(tokenRequest(lab).url ?? '', 'http://registry.test');
      assert.deepEqual(searchParams.getAll('scope'), ['repository:a:pull']);
    },
  },
  {
    attack: 'a realm whose query names another service, user or client',
    answer: wanting((lab) => `${tokenOf(lab)}?service=other&account=root`),
    ends: 'image',
    also: (lab) => {
      const { searchParams } = new URL(tokenRequest(lab).url ?? '', 'http://registry.test');
      assert.deepEqual(searchParams.getAll('service'), ['s']);
      assert.equal(searchParams.has('account'), false);
    },
  },
  {
    attack: 'a realm with a user and a password of its own',
    answer: wanting(({ host }) => `http://root:evil@${host}/token`),
    ends: 'image',
    also: (lab) => {
      assert.match(tokenRequest(lab).headers.authorization ?? '', new RegExp(SECRETS[2] ?? ''));
    },
  },
  {
    attack: 'a challenge with parameters named __proto__ and constructor, after schemes that nothing knows',
    answer: wanting(
      tokenOf,
      { token: TOKEN },
      () => 'Negotiate, X __proto__="a", constructor=b, hasOwnProperty="c", ',
    ),
    ends: 'image',
  },
  {
    attack: 'a challenge of 12 KB that never closes its quotes',
    answer: replyTo(isTag, (response) =>
      response.writeHead(401, { 'www-authenticate': `Bearer realm="${'\\"a,'.repeat(3000)}` }).end(),
    ),
    ends: /access was denied|no URL/,
  },
  {
    attack: 'a token with a line break and a header behind it',
    answer: wanting(tokenOf, { token: `${TOKEN}\r\nx-evil: 1` }),
    ends: /./,
    also: ({ seen }) => {
      assert.ok(seen.every(({ headers }) => headers['x-evil'] === undefined));
    },
  },
  {
    attack: 'tokens that are no text, and lifetimes below zero, beyond all numbers or of no time',
    answer: wanting(tokenOf, { token: [TOKEN], access_token: TOKEN, expires_in: -1e308, refresh_token: {} }),
    ends: 'image',
  },
  {
    attack: 'a token whose time is over before it is used',
    answer: wanting(tokenOf, { token: TOKEN, expires_in: 1e-9 }),
    ends: 'image',
  },
  {
    attack: '401 again and again, each with another realm',
    answer: (request, response, lab) => {
      if (request.url?.startsWith('/token') === true)
        response.end(JSON.stringify({ token: `${TOKEN}-${lab.seen.length}` }));
      else if (request.url === '/v2/') return false;
      else
        response
          .writeHead(401, { 'www-authenticate': `Bearer realm="${tokenOf(lab)}?n=${lab.seen.length}"` })
          .end();
      return true;
    },
    ends: /access was denied/,
    also: ({ seen }) => {
      assert.ok(seen.length < 16, `${seen.length} requests`);
    },
  },
  {
    attack: 'two different digests in one answer',
    answer: replyTo(isTag, (response, _lab, request) => {
      const bytes = image.parts.at(-1)?.bytes ?? Buffer.alloc(0);
      const digests = [image.manifest.digest, layer.descriptor.digest];
      response.writeHead(200, {
        'content-type': MEDIA.ociManifest,
        'content-length': bytes.length,
        'docker-content-digest': digests,
      });
      response.end(request.method === 'HEAD' ? undefined : bytes);
    }),
    ends: 'image',
  },
  {
    attack: 'a HEAD that names the digest of a layer as the manifest',
    answer: replyTo(isTag, (response) =>
      response
        .writeHead(200, {
          'content-type': MEDIA.ociManifest,
          'content-length': layer.bytes.length,
          'docker-content-digest': layer.descriptor.digest,
        })
        .end(),
    ),
    ends: /manifest: not JSON/,
  },
  {
    attack: 'lengths in HEAD that no number holds exactly, are negative, or have a sign',
    answer: (request, response) => {
      if (!isTag(request) || request.method !== 'HEAD') return false;
      raw(
        response,
        `200 OK\r\ncontent-type: ${MEDIA.ociManifest}\r\ndocker-content-digest: ${image.manifest.digest}\r\ncontent-length: 9007199254740993`,
        Buffer.alloc(0),
      );
      response.socket?.end();
      return true;
    },
    ends: 'image',
  },
  {
    attack: 'a body that is longer than its length, with an answer to the next request in the rest',
    answer: (request, response, { seen }) => {
      if (seen.length > 1) return false;
      const forged = Buffer.from('HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil');
      raw(response, '404 Not Found\r\ncontent-length: 0', forged);
      return request.method === 'HEAD' || true;
    },
    ends: 'image',
  },
  {
    attack: 'a length beside chunks (request smuggling the other way)',
    answer: replyTo(isLayer, (response) => {
      raw(
        response,
        '200 OK\r\ncontent-length: 3\r\ntransfer-encoding: chunked',
        Buffer.from('3\r\nabc\r\n0\r\n\r\n'),
      );
    }),
    ends: /./,
  },
  {
    attack: 'two lengths that differ',
    answer: replyTo(isLayer, (response) => {
      raw(response, `200 OK\r\ncontent-length: 3\r\ncontent-length: ${layer.bytes.length}`);
    }),
    ends: /./,
  },
  {
    attack: 'a header that is folded, and one with a NUL in it',
    answer: replyTo(isLayer, (response) => {
      raw(response, `200 OK\r\ncontent-length: ${layer.bytes.length}\r\nx: a\r\n b\r\ny: a\0b`);
    }),
    ends: /./,
  },
  {
    attack: 'an answer that switches to another protocol',
    answer: replyTo(isLayer, (response) => {
      raw(response, '101 Switching Protocols\r\nupgrade: h2c\r\nconnection: upgrade', Buffer.alloc(0));
    }),
    ends: /./,
  },
  {
    attack: 'an answer in no version of HTTP',
    answer: replyTo(isLayer, (response) => {
      response.socket?.end('HTTP/9.9 200 OK\r\ncontent-length: 4\r\n\r\nevil');
    }),
    ends: /./,
  },
  {
    attack: 'a body in gzip though nothing asked for that',
    answer: replyTo(isLayer, (response) => {
      response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync(layer.bytes));
    }),
    ends: /promised|digest|bytes/,
  },
  {
    attack: 'trailers that name another digest',
    answer: replyTo(isLayer, (response) => {
      response.writeHead(200, { trailer: 'docker-content-digest' });
      response.write(layer.bytes);
      response.addTrailers({ 'docker-content-digest': image.manifest.digest });
      response.end();
    }),
    ends: 'image',
  },
  {
    attack: 'cookies, with which a client could be followed',
    answer: (_request, response) => {
      response.setHeader('set-cookie', ['session=1; Path=/', 'x=2; Domain=127.0.0.1']);
      return false;
    },
    ends: 'image',
    also: ({ seen }) => {
      assert.ok(seen.every(({ headers }) => headers.cookie === undefined));
    },
  },
  {
    attack: 'Content-Range with places beyond all numbers, below zero, or of another blob',
    answer: (request, response, { seen }) => {
      if (!isLayer(request)) return false;
      const ranges = ['bytes 99999999999999999999-/1', 'bytes -5-9/10', 'bytes 0-0/1', 'pages 1-2/3'];
      const range = ranges[seen.filter(isLayer).length - 1];
      if (range === undefined) return false;
      response.writeHead(206, { 'content-range': range }).end('x');
      return true;
    },
    ends: /asked for bytes|was given|ended after|promised|digest/,
  },
  {
    attack: 'a redirect with a user and a password in it',
    answer: led(({ other }) => `http://me:${'x'.repeat(8)}@${other}/v2/a/blobs/${layer.descriptor.digest}`),
    ends: 'image',
    also: ({ foreign }) => {
      assert.ok(foreign.length > 0 && foreign.every(({ headers }) => headers.authorization === undefined));
    },
  },
  {
    attack: 'a redirect to another port of the same host',
    answer: led(({ other }) => `//${other}/v2/a/blobs/${layer.descriptor.digest}`),
    ends: 'image',
  },
  {
    attack: 'a redirect whose target holds line breaks, tabs and a header',
    answer: led(({ other }) => `http://${other}/v2/a/blobs/${layer.descriptor.digest}?%0d%0ax-evil:%201`),
    ends: 'image',
    also: ({ foreign }) => {
      assert.ok(foreign.every(({ headers }) => headers['x-evil'] === undefined));
    },
  },
  {
    attack: 'a redirect to a host that asks for the password by Basic',
    answer: led(({ other }) => `http://${other}/blob`),
    elsewhere: (_request, response) => {
      response.writeHead(401, { 'www-authenticate': 'Basic realm="a"' }).end();
      return true;
    },
    ends: /denies access/,
  },
  {
    attack: 'a redirect to a host that names the token server of the registry as its own',
    answer: (request, response, lab) =>
      led(({ other }) => `http://${other}/blob`)(request, response, lab) ||
      wanting(tokenOf)(request, response, lab),
    elsewhere: (request, response, { host }) => {
      if (request.headers.authorization !== undefined) response.writeHead(403).end();
      else
        response
          .writeHead(401, {
            'www-authenticate': `Bearer realm="http://${host}/token",scope="repository:a:push"`,
          })
          .end();
      return true;
    },
    ends: /denies access/,
    also: ({ seen }) => {
      const asked = seen.filter(({ url }) => url?.includes('push') === true);
      assert.ok(asked.every(({ headers }) => headers.authorization === undefined));
    },
  },
  {
    attack: 'a list of referrers whose next page is at another host, or in another scheme',
    answer: (request, response, { other, seen }) => {
      if (request.url?.includes('/referrers/') !== true) return false;
      const next = seen.length % 2 === 0 ? `http://${other}/next` : 'javascript:alert(1)';
      response.writeHead(200, { 'content-type': MEDIA.ociIndex, link: `<${next}>; rel="next"` });
      response.end(JSON.stringify({ schemaVersion: 2, mediaType: MEDIA.ociIndex, manifests: [] }));
      return true;
    },
    run: 'referrers',
    ends: /next page is on another host/,
    also: ({ foreign }) => {
      assert.equal(foreign.length, 0);
    },
  },
  {
    attack: 'a media type with parameters, quotes and a path in it',
    answer: (request, response) => {
      if (isTag(request)) response.setHeader('x-type', 'y');
      const type = `${MEDIA.ociManifest} ; charset="../../../etc/passwd"; a=b`;
      if (!isTag(request)) return false;
      const bytes = image.parts.at(-1)?.bytes ?? Buffer.alloc(0);
      response.writeHead(200, {
        'content-type': type,
        'content-length': bytes.length,
        'docker-content-digest': image.manifest.digest,
      });
      response.end(request.method === 'HEAD' ? undefined : bytes);
      return true;
    },
    ends: 'image',
  },
  {
    attack: 'an error of 10,000 codes and members named like those of every object',
    answer: replyTo(isTag, (response) => {
      const errors = Array.from({ length: 900 }, (_, i) => ({
        code: i === 0 ? '__proto__' : 'constructor',
        message: '\u001b]0;x\u0007',
      }));
      response.writeHead(400).end(JSON.stringify({ errors, __proto__: 1, toString: 2 }));
    }),
    ends: /refused \(400\)/,
  },
  {
    attack: 'an error that gives the password and the token back',
    answer: (request, response, lab) => {
      if (wanting(tokenOf)(request, response, lab)) return true;
      if (!isTag(request)) return false;
      response.writeHead(400).end(`you sent ${request.headers.authorization ?? ''}, me:${PASSWORD}`);
      return true;
    },
    ends: /refused \(400\).*REDACTED/,
  },
  {
    attack: 'Retry-After in the year 9999, below zero, and beyond all numbers',
    answer: (request, response, { seen }) => {
      if (!isTag(request)) return false;
      const after = ['Fri, 31 Dec 9999 23:59:59 GMT', '-5', '1e999'][seen.filter(isTag).length % 3];
      response.writeHead(429, { 'retry-after': after }).end();
      return true;
    },
    ends: /asks for fewer requests/,
  },
];

for (const { attack, answer, elsewhere, ends, run, also } of ATTACKS) {
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
