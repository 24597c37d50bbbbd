/** Answers of registries that are pushed to. */
import { type AttackTable, tried } from './row.js';

const FILE = 'test/unit/attacks/uploads.test.ts';

export const TRIED_UPLOADS: AttackTable = {
  title: 'Answers to uploads',
  promise:
    'A push ends with the blob where it belongs or with one sentence, and sends each blob a few times at most.',
  rows: [
    tried('registry', FILE, 'an upload that is to go on in a file of this machine', {
      before: '"registry : Invalid URL"',
      now: 'refused by name, before anything is sent',
    }),
    tried('registry', FILE, 'an upload that is to go on at an address without a host', {
      before: '"registry : Invalid URL"',
      now: 'refused by name, before anything is sent',
    }),
    tried('registry', FILE, 'an upload that is to go on by another protocol', {
      before: 'an error of the HTTP client',
      now: 'refused by name, before anything is sent',
    }),
    tried('registry', FILE, 'an upload that is to go on at another host, with a password in its address', {
      before: 'no credentials, neither ours nor those',
      now: 'the same',
    }),
    tried('registry', FILE, 'an upload whose address has a digest in its query already', {
      before: 'only ours is sent',
      now: 'the same',
    }),
    tried('registry', FILE, 'chunks of which the smallest is larger than any disk', {
      before: 'one chunk',
      now: 'the same',
    }),
    tried('registry', FILE, 'a Range of more bytes than any number holds', {
      before: 'one sentence',
      now: 'the same',
    }),
    tried('registry', FILE, 'an address of the upload with line breaks in it', {
      before: 'they stay in the address',
      now: 'the same',
    }),
    tried('registry', FILE, 'a mount that is answered with another blob', {
      before: 'the blob is looked for, and sent',
      now: 'the same',
    }),
    tried('registry', FILE, 'success for a blob that the registry does not keep', {
      before: 'one sentence',
      now: 'the same',
    }),
    tried('registry', FILE, 'a tag that is set to another manifest than the one that was sent', {
      before: 'the tag is removed, and the run fails',
      now: 'the same',
    }),
  ],
};
