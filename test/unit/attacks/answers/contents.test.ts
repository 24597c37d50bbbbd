/** Answers of a hostile registry whose headers or bodies say what is not so. */
import assert from 'node:assert/strict';
import { MEDIA } from '../../../../src/oci/media-types.js';
import {
  image,
  isLayer,
  isTag,
  layer,
  PASSWORD,
  replyTo,
  tokenOf,
  wanting,
  tryAttacks,
} from '../../../support/registries/hostile-answers.js';

tryAttacks([
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
]);
