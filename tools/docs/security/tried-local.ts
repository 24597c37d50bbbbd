/** Other users of the machine, and of a web server. */
import { type AttackTable, tried } from './row.js';

const FILE = 'test/unit/attacks/local.test.ts';

export const TRIED_LOCAL: AttackTable = {
  title: 'Settings, programs and targets that others put in their place',
  promise:
    'In a folder that all users share, settings are read only if they are of this user or of root, nothing is written through the links of others, and programs come from absolute folders of PATH.',
  rows: [
    tried('local user', FILE, "a docker configuration in a shared folder that is this user's home", {
      before: 'its helper was run, its login was used',
      now: 'refused',
    }),
    tried('local user', FILE, 'an authfile under the name that this user gave, before this user', {
      before: 'its login was used',
      now: 'refused',
    }),
    tried('local user', FILE, 'a link to an authfile of its own', { before: 'followed', now: 'refused' }),
    tried('local user', FILE, 'a hosts.toml that sends all requests to another host', {
      before: 'they were sent there',
      now: 'refused',
    }),
    tried('local user', FILE, 'an authority under the name that this user gave to --ca', {
      before: 'trusted',
      now: 'refused',
    }),
    tried(
      'local user',
      FILE,
      'a credential helper in the working folder, where PATH has an empty or a relative folder',
      { before: 'it was run', now: 'not found' },
    ),
    tried('local user', FILE, 'a helper whose name leads out of the folders of programs', {
      before: 'refused',
      now: 'the same',
    }),
    tried('local user', FILE, 'a link under the name of a layout that is to be written', {
      before: 'written where it leads',
      now: 'refused',
    }),
    tried('local user', FILE, 'a link on the way to a layout that is to be written', {
      before: 'written where it leads',
      now: 'refused',
    }),
    tried('local user', FILE, 'a link on the way to an archive that is to be written', {
      before: 'written where it leads',
      now: 'refused',
    }),
    tried('local user', FILE, 'a link under the name of an archive that is to be written', {
      before: 'the link is replaced',
      now: 'the same',
    }),
    tried('local user', FILE, 'a link in the place of index.json in a layout that is written', {
      before: 'the link is replaced',
      now: 'the same',
    }),
    tried('local user', FILE, 'a layout whose index names blobs by paths out of it', {
      before: 'refused',
      now: 'the same',
    }),
    tried('local user', FILE, 'a umask of 0, so that all may write to what a run makes for itself', {
      before: 'temporary folders are for this user alone',
      now: 'the same',
    }),
    tried(
      'webhook sender',
      FILE,
      'a request to a web server: a header Proxy, which CGI makes HTTP_PROXY of, leads no request to a proxy',
      {
        before: 'all requests in clear text went to that proxy',
        now: 'HTTP_PROXY counts for nothing there',
        attack: 'a header `Proxy:` to a web server that runs the command by CGI',
      },
    ),
  ],
};
