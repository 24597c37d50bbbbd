/**
 * A hostile registry that is pushed to. A push ends with the blob where it belongs or with one sentence, sends each blob a few times at
 * most, and gives no host but the registry itself a password.
 */
import assert from 'node:assert/strict';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { test } from 'node:test';
import { InternalError, NydusError } from '../../../src/errors.js';
import { contentOf } from '../../../src/io/streams.js';
import { MEDIA } from '../../../src/oci/media-types.js';
import { parseLocation } from '../../../src/registry/location.js';
import { openTarget } from '../../../src/registry/open.js';
import { isMountable } from '../../../src/registry/stores/store.js';
import { describe, noise, sampleImage } from '../../support/images/opaque-image.js';
import { scriptedRegistry } from '../../support/registries/scripted-registry.js';

const blob = noise(300_000, 3);
const descriptor = describe(MEDIA.ociLayerTar, blob);
const image = sampleImage([blob]);
const PASSWORD = 'c0rrect-h0rse';

interface Lab {
  readonly host: string;
  readonly other: string;
  readonly seen: IncomingMessage[];
  readonly foreign: IncomingMessage[];
}

interface Attack {
  readonly attack: string;
  readonly answer: (request: IncomingMessage, response: ServerResponse, lab: Lab) => void;
  readonly ends: 'pushed' | RegExp;
  readonly step?: 'mount' | 'tag';
  readonly chunkSize?: number;
  readonly also?: (lab: Lab) => void;
}

const opens = (
  location: (lab: Lab) => string,
  more: Readonly<Record<string, string>> = {},
): Attack['answer'] => {
  return ({ method }, response, lab) => {
    if (method === 'HEAD' || method === 'GET') response.writeHead(404).end();
    else if (method === 'POST') response.writeHead(202, { location: location(lab), ...more }).end();
    else if (method === 'PATCH') response.writeHead(202).end();
    else response.writeHead(201).end();
  };
};

const ATTACKS: readonly Attack[] = [
  ...[
    ['an upload that is to go on in a file of this machine', 'file:///etc/passwd'],
    ['an upload that is to go on at an address without a host', 'data:text/plain,x'],
    ['an upload that is to go on by another protocol', 'ftp://127.0.0.1/x'],
  ].map(([attack = '', location = '']): Attack => ({
    attack,
    answer: opens(() => location),
    ends: /the upload is sent on to [a-z]+:, which is refused/,
  })),
  {
    attack: 'an upload that is to go on at another host, with a password in its address',
    answer: opens(({ other }) => `http://root:evil@${other}/upload?x=1`),
    ends: 'pushed',
    also: ({ foreign }) => {
      assert.ok(foreign.length > 0 && foreign.every(({ headers }) => headers.authorization === undefined));
    },
  },
  {
    attack: 'an upload whose address has a digest in its query already',
    answer: opens(() => '/u?digest=sha256:00&state=a%2Fb&digest=x'),
    ends: 'pushed',
    also: ({ seen }) => {
      const put = seen.findLast(({ method }) => method === 'PUT')?.url ?? '';
      assert.equal(put, `/u?state=a%2Fb&digest=${encodeURIComponent(descriptor.digest)}`);
    },
  },
  {
    attack: 'chunks of which the smallest is larger than any disk',
    answer: opens(() => '/u', { 'oci-chunk-min-length': '999999999999999' }),
    chunkSize: 65_536,
    ends: 'pushed',
  },
  {
    attack: 'a Range of more bytes than any number holds',
    answer: ({ method }, response) => {
      if (method === 'HEAD') response.writeHead(404).end();
      else if (method === 'PUT') response.writeHead(405).end();
      else
        response
          .writeHead(method === 'GET' ? 204 : 202, { location: '/u', range: `0-${'9'.repeat(400)}` })
          .end();
    },
    ends: /has .* of 300000 bytes/,
  },
  {
    attack: 'an address of the upload with line breaks in it',
    answer: opens(() => '/u?x=1%0d%0aauthorization:%20x'),
    ends: 'pushed',
    also: ({ seen }) => {
      assert.ok(
        seen.every(
          ({ headers }) => headers.authorization === undefined || headers.authorization.startsWith('Basic'),
        ),
      );
    },
  },
  {
    attack: 'a mount that is answered with another blob',
    step: 'mount',
    answer: ({ method, url = '' }, response) => {
      if (method === 'POST')
        response
          .writeHead(201, {
            'docker-content-digest': image.manifest.digest,
            location: `/v2/a/blobs/${image.manifest.digest}`,
          })
          .end();
      else response.writeHead(url.includes(descriptor.digest) ? 404 : 200).end();
    },
    ends: 'pushed',
    also: ({ seen }) => {
      const methods = seen.map(({ method }) => method);
      assert.ok(methods.lastIndexOf('HEAD') > methods.indexOf('POST'), 'the blob is looked for');
    },
  },
  {
    attack: 'success for a blob that the registry does not keep',
    answer: ({ method }, response) => {
      if (method === 'HEAD' || method === 'GET') response.writeHead(404).end();
      else response.writeHead(method === 'PUT' ? 200 : 202, { location: '/u' }).end();
    },
    ends: /answered with success, but the blob is not there/,
  },
  {
    attack: 'a tag that is set to another manifest than the one that was sent',
    step: 'tag',
    answer: ({ method }, response) => {
      response.writeHead(method === 'PUT' ? 201 : 202, { 'docker-content-digest': descriptor.digest }).end();
    },
    ends: /stored it as sha256:.*, which is not/,
    also: ({ seen }) => {
      assert.ok(seen.some(({ method, url }) => method === 'DELETE' && url?.endsWith('/manifests/1')));
    },
  },
];

for (const { attack, answer, ends, step, chunkSize = 0, also } of ATTACKS) {
  test(
    `a hostile registry that is pushed to: ${attack}`,
    { concurrency: true, timeout: 30_000 },
    async (t) => {
      const [seen, foreign] = [[] as IncomingMessage[], [] as IncomingMessage[]];
      const other = await scriptedRegistry(t, (request, response) => {
        foreign.push(request);
        response.writeHead(request.method === 'PUT' ? 201 : 202).end();
      });
      let wantsLogin = true;
      const host = await scriptedRegistry(t, (request, response) => {
        if (wantsLogin && request.headers.authorization === undefined && request.url !== '/v2/') {
          response.writeHead(401, { 'www-authenticate': 'Basic realm="a"' }).end();
          return;
        }
        seen.push(request);
        answer(request, response, lab);
      });
      const lab: Lab = { host, other, seen, foreign };
      await using target = openTarget(`${host}/a:1`, {
        credentials: {
          description: 'a test',
          get: (name) => Promise.resolve(name === host ? { username: 'me', password: PASSWORD } : undefined),
        },
        retry: { attempts: 2, baseMs: 1, capMs: 1 },
        chunkSize,
      });
      const act = async (): Promise<unknown> => {
        if (step === 'tag') return target.tag(image.manifest, image.parts.at(-1)?.bytes ?? Buffer.alloc(0));
        if (step !== 'mount') return target.push(descriptor, contentOf(blob));
        assert.ok(isMountable(target));
        assert.equal(await target.mount(descriptor, parseLocation(`${host}/b:1`)), false);
        return undefined;
      };
      const outcome = await act().catch((error: unknown) => error);
      wantsLogin = false;
      if (ends === 'pushed') assert.ok(!(outcome instanceof Error), String(outcome));
      else {
        assert.ok(outcome instanceof NydusError && !(outcome instanceof InternalError), String(outcome));
        assert.match(outcome.message, ends);
        assert.ok(!outcome.message.includes(PASSWORD));
      }
      assert.ok(seen.length + foreign.length < 40, `${seen.length} and ${foreign.length} requests`);
      also?.(lab);
    },
  );
}
