/** Programs that use the library without care. */
import { type AttackTable, tried } from './row.js';

const FILE = 'test/unit/attacks/callers.test.ts';

export const TRIED_CALLERS: AttackTable = {
  title: 'Careless programs',
  promise:
    'A run gives the right bytes or one error, and ends, whatever its caller does with buffers, options and signals.',
  rows: [
    tried(
      'caller',
      FILE,
      'a careless caller: content whose pieces one reader has ${misuse}, read by another',
      {
        before: 'others saw the change',
        now: 'readers have copies of their own',
        attack: 'content whose pieces one reader changes or transfers',
      },
    ),
    tried(
      'caller',
      FILE,
      'a careless caller: parts of content of which the first was ${misuse} before the second is read',
      {
        before: 'the second part had other bytes, or none',
        now: 'parts have memory of their own',
        attack: 'parts of content of which the first is changed or transferred before the second is read',
      },
    ),
    tried('caller', FILE, 'a careless caller: a download whose pieces are ${misuse} while the rest comes', {
      before: 'the system wrote into memory that belonged to another thread',
      now: 'such memory cannot be transferred',
      attack: 'a download whose pieces are changed or transferred while the rest comes',
    }),
    tried('caller', FILE, 'a careless caller: options whose getters give another value each time', {
      before: 'what refers could be of Docker',
      now: 'each option is read once',
      attack: 'options whose getters give another value each time',
    }),
    tried(
      'caller',
      FILE,
      'a careless caller: options that are a proxy or frozen, and are changed during the run',
      {
        before: 'those of the start count',
        now: 'the same',
        attack: 'options that are a proxy or frozen, and are changed during the run',
      },
    ),
    tried('caller', FILE, 'a careless caller: a reporter that throws', {
      before: 'the run ends with that error',
      now: 'the same',
      attack: 'a reporter that throws',
    }),
    tried('caller', FILE, 'a careless caller: a signal that fires without a reason, or within the reporter', {
      before: 'the run ends with its reason',
      now: 'the same',
      attack: 'a signal that fires without a reason, or within the reporter',
    }),
    tried('caller', FILE, 'a careless caller: a store that is disposed of twice, and while it is read', {
      before: 'one error, or the content',
      now: 'the same',
      attack: 'a store that is disposed of twice, and while it is read',
    }),
    tried('caller', FILE, 'a careless caller: a target that is disposed of while it is pushed to', {
      before: 'one error, or the content',
      now: 'the same',
      attack: 'a target that is disposed of while it is pushed to',
    }),
    tried(
      'caller',
      FILE,
      'a careless caller: content that gives more, fewer or empty pieces than its size says',
      {
        before: 'refused by size and digest',
        now: 'the same',
        attack: 'content that gives more, fewer or empty pieces than its size says',
      },
    ),
    tried('caller', FILE, 'a careless caller: settings with names of the members that every object has', {
      before: 'members like others',
      now: 'the same',
      attack: 'settings with names of the members that every object has',
    }),
  ],
};
