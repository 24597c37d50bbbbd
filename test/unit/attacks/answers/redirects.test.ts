/** Answers of a hostile registry that lead to other hosts. */
import assert from 'node:assert/strict';
import { MEDIA } from '../../../../src/oci/media-types.js';
import { layer, led, tokenOf, wanting, tryAttacks } from '../../../support/registries/hostile-answers.js';

tryAttacks([
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
]);
