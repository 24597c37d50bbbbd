/** Answers of registries and token servers. */
import { type AttackTable, tried } from './row.js';

/** A folder of test files. */
const ANSWERS = 'test/unit/attacks/answers';

export const TRIED_ANSWERS: AttackTable = {
  title: 'Answers of registries',
  promise:
    'Whatever a registry answers, a run gets the image that was asked for, verified by its digests, or ends with one sentence; other hosts get neither passwords nor tokens.',
  rows: [
    tried('registry', ANSWERS, 'a realm whose query asks for scopes of other repositories', {
      before: 'a token for all of them was asked for with the password',
      now: 'the query loses them',
    }),
    tried('registry', ANSWERS, 'a realm whose query names another service, user or client', {
      before: 'the user and the client of the query were sent beside ours',
      now: 'the query loses them',
    }),
    tried('registry', ANSWERS, 'a realm with a user and a password of its own', {
      before: 'ours are sent, or none',
      now: 'the same',
    }),
    tried(
      'registry',
      ANSWERS,
      'a challenge with parameters named __proto__ and constructor, after schemes that nothing knows',
      { before: 'read as it stands', now: 'the same' },
    ),
    tried('registry', ANSWERS, 'a challenge of 12 KB that never closes its quotes', {
      before: 'one sentence',
      now: 'the same',
    }),
    tried('registry', ANSWERS, 'a token with a line break and a header behind it', {
      before: 'no request is made with it',
      now: 'the same',
    }),
    tried(
      'registry',
      ANSWERS,
      'tokens that are no text, and lifetimes below zero, beyond all numbers or of no time',
      { before: 'passed over', now: 'the same' },
    ),
    tried('registry', ANSWERS, 'a token whose time is over before it is used', {
      before: 'one token for each request, and no loop',
      now: 'the same',
    }),
    tried('registry', ANSWERS, '401 again and again, each with another realm', {
      before: 'an end after two rounds',
      now: 'the same',
    }),
    tried('registry', ANSWERS, 'two different digests in one answer', {
      before: 'the manifest itself is read and digested',
      now: 'the same',
    }),
    tried('registry', ANSWERS, 'a HEAD that names the digest of a layer as the manifest', {
      before: 'one sentence',
      now: 'the same',
    }),
    tried('registry', ANSWERS, 'lengths in HEAD that no number holds exactly, are negative, or have a sign', {
      before: 'the manifest itself is read',
      now: 'the same',
    }),
    tried(
      'registry',
      ANSWERS,
      'a body that is longer than its length, with an answer to the next request in the rest',
      { before: 'the rest is no answer, and ends its connection', now: 'the same' },
    ),
    tried('registry', ANSWERS, 'a length beside chunks (request smuggling the other way)', {
      before: 'refused',
      now: 'the same',
    }),
    tried('registry', ANSWERS, 'two lengths that differ', { before: 'refused', now: 'the same' }),
    tried('registry', ANSWERS, 'a header that is folded, and one with a NUL in it', {
      before: 'refused',
      now: 'the same',
    }),
    tried('registry', ANSWERS, 'an answer that switches to another protocol', {
      before: 'one sentence',
      now: 'the same',
    }),
    tried('registry', ANSWERS, 'an answer in no version of HTTP', {
      before: 'one sentence',
      now: 'the same',
    }),
    tried('registry', ANSWERS, 'a body in gzip though nothing asked for that', {
      before: 'refused by size and digest',
      now: 'the same',
    }),
    tried('registry', ANSWERS, 'trailers that name another digest', { before: 'not read', now: 'the same' }),
    tried('registry', ANSWERS, 'cookies, with which a client could be followed', {
      before: 'never sent back',
      now: 'the same',
    }),
    tried(
      'registry',
      ANSWERS,
      'Content-Range with places beyond all numbers, below zero, or of another blob',
      {
        before: 'the whole is asked for, then an end',
        now: 'the same',
      },
    ),
    tried('registry', ANSWERS, 'a redirect with a user and a password in it', {
      before: 'neither is sent',
      now: 'the same',
    }),
    tried('registry', ANSWERS, 'a redirect to another port of the same host', {
      before: 'no credentials',
      now: 'the same',
    }),
    tried('registry', ANSWERS, 'a redirect whose target holds line breaks, tabs and a header', {
      before: 'they stay in the address',
      now: 'the same',
    }),
    tried('registry', ANSWERS, 'a redirect to a host that asks for the password by Basic', {
      before: 'it gets none',
      now: 'the same',
    }),
    tried(
      'registry',
      ANSWERS,
      'a redirect to a host that names the token server of the registry as its own',
      {
        before: 'it gets a token that everybody gets',
        now: 'the same',
      },
    ),
    tried(
      'registry',
      ANSWERS,
      'a list of referrers whose next page is at another host, or in another scheme',
      {
        before: 'refused',
        now: 'the same',
      },
    ),
    tried('registry', ANSWERS, 'a media type with parameters, quotes and a path in it', {
      before: 'read without them',
      now: 'the same',
    }),
    tried('registry', ANSWERS, 'an error of 10,000 codes and members named like those of every object', {
      before: 'one sentence',
      now: 'the same',
    }),
    tried('registry', ANSWERS, 'an error that gives the password and the token back', {
      before: '`REDACTED`',
      now: 'the same',
    }),
    tried('registry', ANSWERS, 'Retry-After in the year 9999, below zero, and beyond all numbers', {
      before: 'an end after the attempts',
      now: 'the same',
    }),
  ],
};
