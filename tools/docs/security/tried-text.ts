/** Text of images in what commands print and write. */
import { type AttackTable, tried } from './row.js';

const FILE = 'test/unit/attacks/text.test.ts';

export const TRIED_TEXT: AttackTable = {
  title: 'Text that acts',
  promise:
    'Text of an image is shown and not obeyed: on terminals, in logs of CI servers, in reports. One image holds all of it wherever an image may hold text, and all commands are run over it.',
  rows: [
    tried('image author', FILE, 'a link (OSC 8) that shows another address than it leads to', {
      before: 'shown',
      now: 'the same',
    }),
    tried('image author', FILE, 'text for the clipboard (OSC 52)', { before: 'shown', now: 'the same' }),
    tried('image author', FILE, 'a title for the window, which the terminal gives back as typed', {
      before: 'shown',
      now: 'the same',
    }),
    tried('image author', FILE, 'device control strings and pictures', { before: 'shown', now: 'the same' }),
    tried('image author', FILE, 'control sequences of eight bits (C1)', { before: 'shown', now: 'the same' }),
    tried('image author', FILE, 'line breaks, and a carriage return that overwrites the line', {
      before: 'shown',
      now: 'the same',
    }),
    tried('image author', FILE, 'backspaces over what stands before', { before: 'shown', now: 'the same' }),
    tried('image author', FILE, 'text that runs from right to left', { before: 'shown', now: 'the same' }),
    tried('image author', FILE, 'characters without a width, and letters of the hidden alphabet of tags', {
      before: 'shown',
      now: 'the same',
    }),
    tried('image author', FILE, 'commands of GitHub', { before: 'shown', now: 'the same' }),
    tried('image author', FILE, 'a command of GitHub that stops all others', {
      before: 'shown',
      now: 'the same',
    }),
    tried('image author', FILE, 'commands of Azure', { before: 'shown', now: 'the same' }),
    tried('image author', FILE, 'old commands of GitHub, anywhere in a line', {
      before: 'shown',
      now: 'the same',
    }),
    tried('image author', FILE, 'commands of TeamCity', { before: 'shown', now: 'the same' }),
    tried('image author', FILE, 'sections of GitLab', { before: 'shown', now: 'the same' }),
    tried('image author', FILE, 'groups of Buildkite', {
      before: 'obeyed where a line begins with it or holds it',
      now: 'shown',
    }),
    tried('image author', FILE, 'groups of Buildkite that are open, or open the one before', {
      before: 'obeyed where a line begins with it or holds it',
      now: 'shown',
    }),
    tried('image author', FILE, 'folds of Travis', {
      before: 'obeyed where a line begins with it or holds it',
      now: 'shown',
    }),
    tried('image author', FILE, 'line breaks in the form of addresses, before a command', {
      before: 'shown',
      now: 'the same',
    }),
    tried('image author', FILE, 'a script in HTML', { before: 'text and no markup', now: 'the same' }),
    tried('image author', FILE, 'a picture in HTML that runs a script when it is not found', {
      before: 'text and no markup',
      now: 'the same',
    }),
    tried('image author', FILE, 'an attribute that ends before its time', {
      before: 'text and no markup',
      now: 'the same',
    }),
    tried('image author', FILE, 'a style or a comment that ends before its time', {
      before: 'text and no markup',
      now: 'the same',
    }),
    tried('image author', FILE, 'an entity and a document type in XML', {
      before: 'text and no markup',
      now: 'the same',
    }),
    tried('image author', FILE, 'an end of CDATA and of the element in XML', {
      before: 'text and no markup',
      now: 'the same',
    }),
    tried('image author', FILE, 'characters that XML cannot hold', {
      before: 'text and no markup',
      now: 'the same',
    }),
    tried('image author', FILE, 'a link and a picture in Markdown', {
      before: 'text and no markup',
      now: 'the same',
    }),
    tried('image author', FILE, 'code and cells of a table that end before their time', {
      before: 'text and no markup',
      now: 'the same',
    }),
    tried('image author', FILE, 'nothing acts: messages of megabytes, which would bury all others', {
      before: '2 MB on one line',
      now: '4,000 characters',
      attack: 'messages of megabytes, which would bury all others',
    }),
  ],
};
