/** Attacks on the acceleration service by those that send events, and by images that it converts. */
import { attack, type Attack, type AttackTable } from './row.js';

const SERVICE = 'test/e2e/service.test.ts';
const DIFFERENCES = 'test/e2e/service-differences.test.ts';
const FAULTS = 'test/e2e/service-faults.test.ts';
const RECEIVERS = 'test/unit/service/receivers.test.ts';

function met(
  by: Attack['by'],
  what: string,
  before: string,
  now: string,
  file: string,
  words: string,
): Attack {
  return attack(by, what, { before, now }, file, words);
}

export const SERVICE_TABLES: readonly AttackTable[] = [
  {
    title: 'The acceleration service',
    promise:
      'A sender names an image, and nothing else of its body counts: which registry it is in, how that is spoken with and where the result goes are in the configuration.',
    rows: [
      met(
        'webhook sender',
        'images of other hosts, `callback_url`, `url` and a `Host` of its choice',
        "upstream's service contacts any host that a body names, with the machine's logins",
        '403; no URL of a body is asked',
        DIFFERENCES,
        'only hosts of the file are contacted, whatever a body names',
      ),
      met(
        'webhook sender',
        'a request without the secret, or with one that differs in the last letter',
        "upstream's service lets the first one through, and compares byte by byte",
        '401 with one text; digests of both are compared in constant time',
        SERVICE,
        'receivers: who may send, what is answered, and secrets that show nowhere',
      ),
      met(
        'webhook sender',
        'bodies whose members are gone, doubled or of other types',
        'a list in place of an event was an empty event',
        'refused with the member named, or ignored; 200 changes to each of 25 bodies',
        RECEIVERS,
        'bodies of any other shape are refused with the member named, or ignored, and nothing else',
      ),
      met(
        'webhook sender',
        'nesting of 5,000 levels, 2 MiB, 1,001 images',
        'there was no such command',
        '400 and 413, with nothing accepted',
        SERVICE,
        "upstream's endpoints: paths, bodies, statuses",
      ),
      met(
        'image author',
        'an image that kills its process, or the service, each time',
        'an attempt that ended with the service did not count, so the image was tried for ever',
        'it fails at its third try, which it has alone; nine others are converted',
        'test/unit/service/runner.test.ts',
        'an image that kills its process each time fails at its third try, beside nine that are converted',
      ),
      met(
        'registry',
        'answers that do not come, make no sense, or refuse',
        'there was no such command',
        'the task ends with `converter.timeout` or says why, and the others go on',
        FAULTS,
        'a registry that hangs costs its task the time of converter.timeout, and no worker for ever',
      ),
      met(
        'power failure',
        'a cut at any moment of writing to the queue; a damaged or shortened log of SQLite',
        'SQLite passes over what follows a damaged page of its log, so answered records were gone in silence',
        'what was answered is there, or the log says what cannot be read and where a copy is',
        'test/e2e/service-crashes.test.ts',
        'a file or log that is cut, and a flipped bit, are named if a record is gone',
      ),
    ],
  },
];
