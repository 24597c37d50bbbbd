/** Attacks on `serve`, `extract` and `build`, and by storage backends. */
import { attack, type Attack, type AttackTable } from './row.js';

const SERVE = 'test/e2e/serve.test.ts';
const READER = 'test/unit/serve/shared-reader.test.ts';
const EXTRACT = 'test/e2e/extract.test.ts';
const MAKING = 'native/core/src/extract/tests.rs';
const READING = 'native/core/src/directory/tests.rs';
const BUILD = 'test/e2e/build.test.ts';
const MOUNT = 'test/e2e/mount.test.ts';
const BACKENDS = 'test/e2e/backends.test.ts';
const OBJECTS = 'test/unit/backend/objects.test.ts';
const CONFIG = 'test/unit/backend/config.test.ts';
const LOCALFS = 'test/unit/backend/localfs.test.ts';

/** Commands and backends that were written with the attack in mind. */
function met(by: Attack['by'], what: string, now: string, file: string, words: string): Attack {
  return attack(by, what, { before: 'there was no such command', now }, file, words);
}

export const SERVED: readonly AttackTable[] = [
  {
    title: 'Images that are served',
    promise:
      'A path of a request leads through the tree of the image in memory, so no file of the machine has a name there. Loopback is the default; beyond it a token is asked for.',
    rows: [
      met(
        'client',
        '`..`, `.`, empty names, slashes and zero bytes, as they are or percent-encoded; targets that name a host',
        '400; backslashes and twofold encoding are parts of names, which are not there',
        SERVE,
        'nothing but the image can be named',
      ),
      met(
        'image author',
        'symbolic links to `/etc/shadow`, to `../../..`, and to themselves',
        'followed within the image, at most 40 of them',
        SERVE,
        'nothing but the image can be named',
      ),
      met(
        'image author',
        'links to directories above them, for clients that copy whole trees',
        'left out of listings, so that every file is copied once',
        SERVE,
        'PROPFIND lists files, links to files among them, and no circle',
      ),
      met(
        'image author',
        'names with markup, `javascript:`, escapes and bytes that are no text; pages with scripts',
        'escaped in pages, listings and the log; files are shown without scripts, by a policy in each answer',
        SERVE,
        'names of files make no markup, no address and no line of the log',
      ),
      met(
        'image author',
        'pipes and devices',
        '403 with a sentence; nothing is opened',
        SERVE,
        'is a named pipe: it has no content',
      ),
      met(
        'registry',
        'other bytes for a chunk',
        '502, or the connection is cut; no byte of the chunk is sent',
        SERVE,
        'of a damaged chunk no byte is served, and other files are',
      ),
      met(
        'web page',
        'a name of its own site that leads to 127.0.0.1 (DNS rebinding); files as scripts and pictures of its own',
        '421; no other site may embed an answer',
        SERVE,
        'pages of other sites read nothing, whatever name leads them here',
      ),
      met(
        'client',
        'requests without the token, with a part of it, or with more',
        '401; digests are compared, so that the time tells nothing',
        SERVE,
        'beyond this machine, and where a token file says so, the token is asked for',
      ),
      met(
        'client',
        'PUT, DELETE, MOVE, LOCK and the like',
        '405',
        SERVE,
        'every method that writes is refused',
      ),
      met(
        'client',
        'XML with a document type and entities, a body of 70 KB, PROPFIND of the whole tree at once',
        '400, 413, 403',
        SERVE,
        'PROPFIND lists files, links to files among them, and no circle',
      ),
      met(
        'client',
        'twenty ranges at once',
        '416; ranges that touch count as one, and 16 are answered',
        SERVE,
        'one range and several are parts of the file',
      ),
      met(
        'client',
        'a hundred connections that take nothing',
        'all of them hold 48 MiB for a second, then 64 KiB each; cut after 2 minutes',
        READER,
        'clients hold no more chunks than there is room for, and those that take nothing give theirs to the others',
      ),
      met(
        'client',
        'connections that take a little, so that others get nothing',
        'after two seconds a client that waits has the room',
        READER,
        'slow clients that take all room let the next ones have a turn',
      ),
      met(
        'client',
        'connections that stay open when a signal comes',
        'the server ends within a second',
        SERVE,
        'a signal ends the server within a second, whatever clients do',
      ),
    ],
  },
  {
    title: 'Images that are extracted',
    promise:
      'Directories are entered by descriptors, without following a link, and a file has its name only once it is complete and verified.',
    rows: [
      met(
        'local user',
        'links in the directory, before the run or during it',
        'an error; nothing is written behind them',
        EXTRACT,
        'a link that another has put there leads no write out of the directory',
      ),
      met(
        'image author',
        'names such as `..`',
        'refused',
        MAKING,
        'names_that_mean_another_place_are_refused',
      ),
      met(
        'registry',
        'a layer of an ordinary image that is not what its digest says',
        'no file is written',
        EXTRACT,
        'no file is written of an ordinary image whose layer is not what its digest says',
      ),
      met(
        'image author',
        'set-user-ID files, for a user who extracts as root but for himself',
        'without that bit, with `--owner self`',
        EXTRACT,
        'no other user can do what the image would let its owner do',
      ),
      met(
        'power failure',
        'SIGKILL at any moment',
        'files with the names of the image are whole; the next run makes the rest',
        EXTRACT,
        'that is killed leaves whole files alone, and the next one makes the rest',
      ),
    ],
  },
  {
    title: 'Directories that are packed',
    promise:
      'Every name is opened below the descriptor of its directory, without following a link, and what was opened must be the inode that was listed. An image shows one state of a directory, or there is none.',
    rows: [
      met(
        'local user',
        'directories and files that are swapped for links to elsewhere while they are read, thousands of times',
        'an error that names the file; no byte of elsewhere is read',
        READING,
        'a_writer_that_swaps_directories_for_links_never_leads_outside',
      ),
      met(
        'local user',
        'files that grow, shrink, are written, replaced or removed while they are read',
        'an error that names the file',
        READING,
        'what_changes_while_it_is_read_is_an_error_that_names_it',
      ),
      met(
        'caller',
        'a folder for the result that lies in the directory, also through a link',
        'refused before anything is written',
        BUILD,
        'what makes no sense is refused with one sentence, and nothing is left behind',
      ),
    ],
  },
  {
    title: 'Images that are mounted',
    promise:
      'nydusd reads what this user alone can write, and its configuration, which may hold a login, goes with the run.',
    rows: [
      met(
        'local user',
        'a work folder in which another user can put a bootstrap or chunks',
        'not used',
        MOUNT,
        'a work folder that others can change is not used',
      ),
      met(
        'local user',
        'reading the login out of arguments, files and logs',
        'it stands in a file of mode 600 alone, in a temporary folder',
        MOUNT,
        'it holds a login',
      ),
      met(
        'image author',
        'an image that nydusd cannot mount',
        'one sentence, with escapes shown; nothing stays mounted',
        MOUNT,
        'what cannot be mounted is said in a sentence, and nothing stays',
      ),
    ],
  },
  {
    title: 'Blobs in storage backends',
    promise:
      'A backend is believed as little as a registry: blobs are known by their digests, and answers cost bounded memory and time.',
    rows: [
      met(
        'storage backend',
        'a blob that is missing or has other bytes',
        'found by `check`, and by the digest of each chunk that is read',
        BACKENDS,
        'a blob that the backend lacks, or has damaged, is found',
      ),
      met(
        'storage backend',
        'parts of an earlier upload that are other bytes',
        'sent again; their checksums are compared',
        OBJECTS,
        'parts of an upload that are other bytes are sent again, and further uploads of the blob are ended',
      ),
      met(
        'storage backend',
        'a failure, a break or a wrong answer at any request',
        'tried again in bounds; nothing else stays',
        OBJECTS,
        'every request of an upload may fail once, in every way, and is made again; nothing else stays',
      ),
      met(
        'storage backend',
        'refusals with anything in their text',
        'one sentence, without a secret',
        OBJECTS,
        'each refusal is one sentence, which holds no secret',
      ),
      met(
        'storage backend',
        'failures while documents wait to be published',
        'the tag stays, and the registry gets no document',
        BACKENDS,
        'a backend that fails leaves the tag as it was, and no document in the registry',
      ),
      met(
        'local user',
        'links and folders under the names of blobs in a folder of blobs',
        'they are no blobs; a link is replaced, and what it leads to stays',
        LOCALFS,
        'links and folders under the name of a blob are no blobs: the link is replaced, and what it leads to stays',
      ),
      met(
        'caller',
        'settings that make no sense',
        'a sentence that names the member, and holds no value',
        CONFIG,
        'settings that make no sense are refused in a sentence that names the member, and holds no value',
      ),
    ],
  },
];
