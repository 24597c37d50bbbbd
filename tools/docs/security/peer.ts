/** Attacks by registries and by names and documents of images: loops, the event loop, requests, keys. */
import { attack, type AttackTable } from './row.js';

const PEERS = 'test/unit/registry/hostile-peers.test.ts';
const RETRY = 'test/unit/io/retry.test.ts';
const LIVENESS = 'test/unit/registry/http/liveness.test.ts';
const SHAPE = 'test/unit/oci/json/shape.test.ts';
const DELAYS = 'test/e2e/loop-delay.test.ts';
const REFERENCE = 'test/unit/oci/reference.test.ts';

const ADDRESSES = 'test/unit/registry/http/addresses.test.ts';
const TOKENS = 'test/unit/registry/auth/authenticator.test.ts';
const MERGE_INDEX = 'test/unit/convert/merge-index.test.ts';

export const PEER: readonly AttackTable[] = [
  {
    title: 'Where images and registries lead',
    promise:
      'Requests go to hosts that the user has named, and to public hosts to which those lead. An image leads nowhere but to its own repository. `--allow-host` allows more, host by host.',
    rows: [
      attack(
        'image author',
        'the annotation `nydus-source-reference` names another registry, or another repository',
        {
          before: '`convert` logged in there with stored credentials, and asked for the manifest',
          now: 'no request; the error names the flag. With the flag a warning says where the original is asked for',
        },
        MERGE_INDEX,
        'an image does not lead to another registry or repository, unless its host is allowed',
      ),
      attack(
        'registry',
        'a challenge with scopes of other repositories, or of the catalog',
        {
          before: 'a token with all of them was asked for and sent to the registry',
          now: 'the scopes are ours',
        },
        TOKENS,
        'the scopes asked for are ours, whatever the registry names',
      ),
      attack(
        'registry',
        'a redirect, a `Location` or a realm at 169.254.169.254, 127.0.0.1, 10.0.0.1 or `[::1]`, in any spelling',
        { before: 'the request was made', now: 'refused, unless the registry is in that network itself' },
        ADDRESSES,
        'a registry leads to hosts of its own kind of network, and to others only by leave',
      ),
      attack(
        'registry',
        'a public name that has such an address, or that gets it after it was looked at',
        { before: 'the request was made', now: 'the address of the connection itself is judged' },
        ADDRESSES,
        'a name is judged by the address that the connection would use',
      ),
      attack(
        'registry',
        'an address written as IPv6: mapped, by NAT64, by 6to4',
        { before: 'the request was made', now: 'judged as the address that it stands for' },
        ADDRESSES,
        'an address is known for what it is, however it is written',
      ),
      attack(
        'registry',
        'someone on the way of plain HTTP names a realm of their own',
        { before: 'it got the password', now: 'refused, unless the user has named that host' },
        TOKENS,
        'a password goes to a realm on another host only if the challenge came over TLS, or the user has named that host',
      ),
      attack(
        'registry',
        'a redirect with credentials to another origin',
        { before: 'they stayed behind', now: 'the same' },
        'test/unit/registry/distribution/client.test.ts',
        'a redirect to another origin carries no credentials, a redirect to the same origin does',
      ),
    ],
  },
  {
    title: 'Loops whose progress the peer decides',
    promise:
      'Every loop with a peer has a bound on rounds without progress, a bound in time, and a pause between rounds.',
    rows: [
      attack(
        'registry',
        'every part of an upload is taken and answered with `Range: 0-0`, or with a few bytes more',
        { before: '69,676 requests in 20 s, without end', now: 'an error after 4 parts in a row' },
        PEERS,
        'a registry that takes every part and keeps none of it gets few parts',
      ),
      attack(
        'registry',
        'notices (103) without an answer: each began the wait for the answer anew',
        { before: 'no end', now: 'an error at the ninth' },
        PEERS,
        'notices without an answer end the exchange',
      ),
      attack(
        'registry',
        'a chunk extension without end',
        {
          before: '125 s at the full rate of the network, then tried again',
          now: 'an error after 1 MiB that is no content',
        },
        PEERS,
        'the extension of a chunk that does not end is read for a megabyte and no further',
      ),
      attack(
        'registry',
        'headers byte by byte, so that no answer comes in time',
        { before: '314 s', now: 'no attempt begins later than 180 s after the first' },
        RETRY,
        'a server that asks for a pause, or takes its time, again and again ends the attempts in three minutes',
      ),
      attack(
        'registry',
        '429 with `Retry-After: 119`, time after time',
        { before: '476 s', now: 'an end when the pauses come to more than 180 s' },
        RETRY,
        'a server that asks for a pause, or takes its time, again and again ends the attempts in three minutes',
      ),
      attack(
        'registry',
        'a body at 140 bytes a second',
        {
          before: '16 h for a document of 8 MiB, 88 days for a layer of 1 GiB',
          now: 'an end after 10 min below 4 KiB/s',
        },
        LIVENESS,
        'a body that stays just above a trickle is given up for good when its rate over all the time is known',
      ),
      attack(
        'registry',
        'pages of referrers that are empty, each with a next one',
        { before: '200 pages, each as slow as it likes', now: '11 pages; 5 min for a list' },
        PEERS,
        'a list of referrers whose pages are empty and have no last one is given up',
      ),
      attack(
        'registry',
        'redirects in a circle',
        { before: '10, then an error', now: 'the same' },
        'test/unit/registry/distribution/client.test.ts',
        'redirects end after ten, and never lead to another scheme',
      ),
    ],
  },
  {
    title: 'Work that blocks the event loop',
    promise:
      'A document that is larger than any real one is refused in one pass. Others are read in steps, between which signals are heard: a signal ends a run within a second whatever the run is reading.',
    rows: [
      attack(
        'image author',
        'a history of 400,000 entries, 400,000 labels or annotations, an index of 50,000 entries',
        {
          before: 'the loop stood still for 1.3 to 5.3 s; SIGINT and SIGTERM waited',
          now: 'refused in one pass of some milliseconds',
        },
        SHAPE,
        'a document that holds more values than any real one is refused before it is read',
      ),
      attack(
        'image author',
        '16,000 history entries, labels or annotations, an index of 2,000 entries',
        {
          before: 'one stretch of work for each document',
          now: 'steps of at most 200 ms, between which signals are heard',
        },
        DELAYS,
        'documents that list thousands hold the event loop for 200 ms at most, and so do those that are refused',
      ),
      attack(
        'image author',
        '120,000 labels, nearly as many as are allowed, and a run that is to be stopped',
        { before: 'up to 5 s', now: 'within 1 s' },
        DELAYS,
        'a run that reads such documents ends within a second of a signal',
      ),
    ],
  },
  {
    title: 'Names as keys, depth, odd values',
    promise:
      'A document is bounded in depth and in the number of its values before anything is built from it, and a name from outside is never looked up among the members that every object has.',
    rows: [
      attack(
        'image author',
        'an architecture `__proto__`, `constructor` or `toString`',
        {
          before: '"this is a bug of nydusify", exit 70, in all commands',
          now: 'an architecture like others',
        },
        'test/unit/oci/platform.test.ts',
        'an architecture that is called like a member of every object is an architecture',
      ),
      attack(
        'image author',
        'a chunk table that claims records of another version, of batches, of zran, or encrypted ones',
        {
          before: '`check` of the whole index ended with an error',
          now: 'a finding about that blob, and the rest is checked',
        },
        'test/unit/check/blob.test.ts',
        'chunk records that are marked as of another kind are a finding, and not taken for others',
      ),
      attack(
        'image author',
        'inflate contexts that overlap, so that a small layer is inflated without end',
        {
          before: 'not read',
          now: 'contexts are inflated for at most four times the bytes of the layer so far and 64 MiB, each to at most 16 MiB; the others are findings',
        },
        'test/unit/check/contexts.test.ts',
        'contexts that take, or make, the same bytes again and again are not inflated without end',
      ),
      attack(
        'image author',
        'one image of an index that is encrypted, leaves its data in other layers, or exceeds a limit, or an index nested without end',
        {
          before: '`check` of the whole index ended with an error, and said nothing about the other images',
          now: 'a finding about that image, and the others are checked',
        },
        'test/unit/check/unread.test.ts',
        'an image with the annotation ${name} is a finding, and the other images of its index are checked',
      ),
      attack(
        'image author',
        '3,500 nested arrays in a manifest or config',
        {
          before: 'exit 70 (stack exhausted); 24 MB when printed with indentation',
          now: 'refused in one pass, beyond 64 levels',
        },
        SHAPE,
        'a document that is nested deeper than any real one is refused before it is read',
      ),
      attack(
        'image author',
        '8 MiB of the smallest values: history, labels, annotations, environment, unknown members',
        {
          before: 'the event loop stood still for up to 5.3 s, signals included',
          now: 'refused in one pass, beyond 131,072 values',
        },
        SHAPE,
        'a document that holds more values than any real one is refused before it is read',
      ),
      attack(
        'image author',
        '4 KB of white space before the first diffID or history entry',
        {
          before: 'repeated before each of 2,000: 8 MB',
          now: 'indentation of more than 256 characters is not repeated',
        },
        SHAPE,
        'white space that a document has once is not written again before every child of a list',
      ),
      attack(
        'webhook sender',
        '`user:password@host/app` as a reference',
        { before: 'printed back in the error', now: '`REDACTED@host/app`, and where logins come from' },
        REFERENCE,
        'an error about a reference with a user and a password shows neither',
      ),
      attack(
        'registry',
        'a certificate with a common name alone',
        { before: 'accepted for that name', now: 'refused, as in Go and in browsers' },
        'test/e2e/trust.test.ts',
        'a certificate that has a common name and no subjectAltName is for no host',
      ),
    ],
  },
];
