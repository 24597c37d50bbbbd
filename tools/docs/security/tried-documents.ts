/** Manifests, indexes and configs. */
import { type AttackTable, tried } from './row.js';

const FILE = 'test/unit/attacks/documents.test.ts';

export const TRIED_DOCUMENTS: AttackTable = {
  title: 'Documents that say different things to different clients',
  promise:
    'A conversion makes the image that all clients see, and asks for nothing but what lies in the repository.',
  rows: [
    tried('image author', FILE, 'layers under a name in another case, which Go reads and others do not', {
      before: 'converted; clients in Go ran other layers',
      now: 'refused',
    }),
    tried('image author', FILE, 'a name with a letter that Go takes for an s', {
      before: 'converted; clients in Go ran other layers',
      now: 'refused',
    }),
    tried('image author', FILE, 'a digest under a name in another case, in a descriptor', {
      before: 'converted; clients in Go ran another layer',
      now: 'refused',
    }),
    tried('image author', FILE, 'diff_ids under a name in another case, in the config', {
      before: 'converted',
      now: 'refused',
    }),
    tried('image author', FILE, 'layers that are listed twice under one name', {
      before: 'converted: the last were taken',
      now: 'refused',
    }),
    tried('image author', FILE, 'a digest that stands twice in one descriptor', {
      before: 'converted: the last was taken',
      now: 'refused',
    }),
    tried('image author', FILE, 'a config whose rootfs stands twice', {
      before: 'an edit of the one that nothing read',
      now: 'refused',
    }),
    tried('image author', FILE, 'a document that is a manifest and an index, without a media type', {
      before: 'refused',
      now: 'the same',
    }),
    tried('image author', FILE, 'an index that is listed as an image', {
      before: 'one sentence',
      now: 'the same',
    }),
    tried('image author', FILE, 'a manifest that is listed as an index', {
      before: 'one sentence',
      now: 'the same',
    }),
    tried('image author', FILE, 'a manifest of Docker schema 1 under the type of OCI', {
      before: 'one sentence',
      now: 'the same',
    }),
    tried('image author', FILE, 'a layer with content of its own in data', {
      before: 'the digest decides; `check` says so',
      now: 'the same',
    }),
    tried('image author', FILE, 'a layer that is to be fetched elsewhere (urls)', {
      before: 'never asked for',
      now: 'the same',
    }),
    tried('image author', FILE, 'a layer of a negative size', { before: 'refused', now: 'the same' }),
    tried('image author', FILE, 'a layer whose size no number holds', { before: 'refused', now: 'the same' }),
    tried('image author', FILE, 'a layer whose size is a text or a fraction', {
      before: 'refused',
      now: 'the same',
    }),
    tried('image author', FILE, 'a layer that is longer than its size', {
      before: 'refused',
      now: 'the same',
    }),
    tried('image author', FILE, 'a layer that is shorter than its size', {
      before: 'refused',
      now: 'the same',
    }),
    tried('image author', FILE, 'a digest in upper case', { before: 'refused', now: 'the same' }),
    tried('image author', FILE, 'a digest with a path behind it', { before: 'refused', now: 'the same' }),
    tried('image author', FILE, 'a digest of another kind', { before: 'refused', now: 'the same' }),
    tried('image author', FILE, 'a config that is a layer', { before: 'one sentence', now: 'the same' }),
    tried('image author', FILE, 'a layer that is the config', { before: 'one sentence', now: 'the same' }),
    tried('image author', FILE, 'one digest with two sizes', {
      before: 'converted, and the wrong size was kept',
      now: 'refused',
    }),
    tried('image author', FILE, 'fewer diffIDs than layers', { before: 'refused', now: 'the same' }),
    tried('image author', FILE, 'the diffID of another layer', { before: 'refused', now: 'the same' }),
    tried(
      'image author',
      FILE,
      'a manifest whose subject is itself, by a digest that cannot be, or another',
      { before: 'never asked for', now: 'the same' },
    ),
    tried('image author', FILE, 'a platform that is a path, and one with line breaks', {
      before: 'an image of a system that nothing runs',
      now: 'the same',
    }),
    tried('image author', FILE, 'annotations named like the members of every object', {
      before: 'annotations like others',
      now: 'the same',
    }),
    tried('image author', FILE, 'annotations that are no texts', { before: 'refused', now: 'the same' }),
    tried('image author', FILE, 'numbers beyond all numbers, in fields that nothing reads', {
      before: 'kept as they stand',
      now: 'the same',
    }),
    tried('image author', FILE, 'bytes that are no UTF-8, and a mark of the byte order', {
      before: 'refused',
      now: 'the same',
    }),
  ],
};
