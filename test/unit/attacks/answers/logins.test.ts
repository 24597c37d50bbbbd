/** Challenges, realms and tokens of a hostile registry. */
import assert from 'node:assert/strict';
import {
  isTag,
  replyTo,
  SECRETS,
  TOKEN,
  tokenOf,
  tokenRequest,
  wanting,
  tryAttacks,
} from '../../../support/registries/hostile-answers.js';

tryAttacks([
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
]);
