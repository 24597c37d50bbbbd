/** Proxies, certificates and names on the way. */
import { type AttackTable, tried } from './row.js';

const FILE = 'test/unit/attacks/ways.test.ts';

export const TRIED_WAYS: AttackTable = {
  title: 'On the way to a registry',
  promise:
    'Whoever stands on the way gets no secret, and a host is believed by the names of its certificate alone.',
  rows: [
    tried('registry', FILE, 'a proxy that answers in the place of the host behind its tunnel', {
      before: 'no TLS, and nothing is sent',
      now: 'the same',
    }),
    tried('registry', FILE, 'a proxy that leads to another host instead of making a tunnel', {
      before: 'refused',
      now: 'the same',
    }),
    tried('registry', FILE, 'a proxy that asks for the password of the registry', {
      before: 'it gets none',
      now: 'the same',
    }),
    tried('registry', FILE, 'a proxy that announces a tunnel and does not make it', {
      before: 'refused',
      now: 'the same',
    }),
    tried('registry', FILE, 'a proxy that answers in another protocol, with an escape in it', {
      before: 'one sentence',
      now: 'the same',
    }),
    tried('registry', FILE, 'a SOCKS proxy that answers in another version', {
      before: 'one sentence',
      now: 'the same',
    }),
    tried('registry', FILE, 'a SOCKS proxy that wants a way of login that nothing knows', {
      before: 'one sentence',
      now: 'the same',
    }),
    tried('registry', FILE, 'a SOCKS proxy whose own address is of no kind, and ends in the middle', {
      before: 'the process ran at full speed for ever, and heard no signal',
      now: 'one sentence',
    }),
    tried('registry', FILE, 'on the way: a SOCKS proxy whose answers come byte by byte', {
      before: 'the process ran at full speed for ever, and heard no signal',
      now: 'read as they come',
      attack: 'a SOCKS proxy whose answers come byte by byte',
    }),
    tried('registry', FILE, 'a certificate for *', { before: 'refused', now: 'the same' }),
    tried('registry', FILE, 'a certificate for all hosts of a country or of com', {
      before: 'refused',
      now: 'the same',
    }),
    tried('registry', FILE, 'a certificate whose star stands for several labels', {
      before: 'refused',
      now: 'the same',
    }),
    tried('registry', FILE, 'a certificate whose name ends where a NUL stands', {
      before: 'refused',
      now: 'the same',
    }),
    tried('registry', FILE, 'a certificate with an address written as a name', {
      before: 'refused',
      now: 'the same',
    }),
    tried('registry', FILE, 'a certificate with a mail address in the place of a name', {
      before: 'its common name was believed',
      now: 'refused',
    }),
    tried('local user', FILE, 'on the way: NODE_TLS_REJECT_UNAUTHORIZED=0 in the environment of a pipeline', {
      before: 'certificates are verified all the same',
      now: 'the same',
      attack: 'NODE_TLS_REJECT_UNAUTHORIZED=0 in the environment of a pipeline',
    }),
    tried('registry', FILE, 'on the way: a host that speaks nothing but HTTP/2, or TLS 1.1', {
      before: 'one sentence',
      now: 'the same',
      attack: 'a host that speaks nothing but HTTP/2, or TLS 1.1',
    }),
    tried(
      'registry',
      FILE,
      'on the way: a registry that leads to a host called "..", whose folder of certificates would be another',
      {
        before: 'the certificates of the folder above were read',
        now: 'no folder',
        attack: 'a registry that leads to a host called "..", whose folder of certificates would be another',
      },
    ),
  ],
};
