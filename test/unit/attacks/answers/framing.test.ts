/** Answers of a hostile registry that bend HTTP: lengths, chunks, headers, protocols, ranges. */
import { gzipSync } from 'node:zlib';
import { MEDIA } from '../../../../src/oci/media-types.js';
import {
  image,
  isLayer,
  isTag,
  layer,
  raw,
  replyTo,
  tryAttacks,
} from '../../../support/registries/hostile-answers.js';

tryAttacks([
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
]);
