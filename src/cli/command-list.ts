/** The program and its commands, in the order of the help. */
import type { CommandTable } from './command.js';

export interface LazyCommand {
  readonly name: string;
  /** Upstream's second name. */
  readonly alias?: string;
  readonly summary: string;
  readonly load: () => Promise<CommandTable>;
}

/** Only the command that is called is loaded, since its modules bring HTTP, codecs and the rest. */
export const COMMANDS: readonly LazyCommand[] = [
  {
    name: 'convert',
    summary: 'convert an image to a Nydus image',
    load: async () => (await import('./commands/convert.js')).CONVERT,
  },
  {
    name: 'plan',
    summary: 'say what a conversion would pull, reuse and push, without doing it',
    load: async () => (await import('./commands/plan.js')).PLAN,
  },
  {
    name: 'build',
    alias: 'pack',
    summary: 'make a Nydus image of a directory, or its bootstrap and blob',
    load: async () => (await import('./commands/build.js')).BUILD,
  },
  {
    name: 'copy',
    summary: 'copy an image as it is, between registries, folders and archives',
    load: async () => (await import('./commands/copy.js')).COPY,
  },
  {
    name: 'reverse',
    summary: 'convert a Nydus image back to an ordinary image',
    load: async () => (await import('./commands/reverse.js')).REVERSE,
  },
  {
    name: 'optimize',
    summary: 'give the files that clients load first a blob of their own',
    load: async () => (await import('./commands/optimize.js')).OPTIMIZE,
  },
  {
    name: 'commit',
    summary: 'put a tar of changes on a Nydus image as one more layer',
    load: async () => (await import('./commands/commit.js')).COMMIT,
  },
  {
    name: 'chunkdict',
    summary: 'make a dictionary of the chunks that several images share',
    load: async () => (await import('./commands/chunkdict.js')).CHUNKDICT,
  },
  {
    name: 'dedup',
    summary: 'say what images share, and what a dictionary would save',
    load: async () => (await import('./commands/dedup.js')).DEDUP,
  },
  {
    name: 'cache',
    summary: 'list, verify and prune a build cache',
    load: async () => (await import('./commands/cache.js')).CACHE,
  },
  {
    name: 'check',
    summary: 'verify a Nydus image, without root, mount or daemon',
    load: async () => (await import('./commands/check.js')).CHECK,
  },
  {
    name: 'inspect',
    summary: 'what an image, a bootstrap or a RAFS blob holds',
    load: async () => (await import('./commands/inspect.js')).INSPECT,
  },
  {
    name: 'ls',
    summary: 'list files of an image in its registry',
    load: async () => (await import('./commands/ls.js')).LS,
  },
  {
    name: 'cat',
    summary: 'print files of an image in its registry',
    load: async () => (await import('./commands/cat.js')).CAT,
  },
  {
    name: 'extract',
    summary: 'write files of an image into a directory or a tar',
    load: async () => (await import('./commands/extract.js')).EXTRACT,
  },
  {
    name: 'stat',
    summary: 'all that an image knows of a file',
    load: async () => (await import('./commands/stat.js')).STAT,
  },
  {
    name: 'tree',
    summary: 'draw the directories of an image',
    load: async () => (await import('./commands/tree.js')).TREE,
  },
  {
    name: 'du',
    summary: 'what the directories of an image weigh',
    load: async () => (await import('./commands/du.js')).DU,
  },
  {
    name: 'diff',
    summary: 'compare two images: files, and what is to be downloaded',
    load: async () => (await import('./commands/diff.js')).DIFF,
  },
  {
    name: 'prefetch',
    summary: 'what a list of files to load first means on an image',
    load: async () => (await import('./commands/prefetch.js')).PREFETCH,
  },
  {
    name: 'serve',
    summary: 'serve the files of an image over HTTP and WebDAV, or convert what is pushed to registries',
    load: async () => (await import('./commands/serve.js')).SERVE,
  },
  {
    name: 'mount',
    alias: 'view',
    summary: 'mount a Nydus image by nydusd, where that is installed',
    load: async () => (await import('./commands/mount.js')).MOUNT,
  },
  {
    name: 'login',
    summary: 'log in to a registry, for this command and for others',
    load: async () => (await import('./commands/login.js')).LOGIN,
  },
  {
    name: 'logout',
    summary: 'remove the login of a registry',
    load: async () => (await import('./commands/logout.js')).LOGOUT,
  },
  {
    name: 'completion',
    summary: 'print the script that completes commands and flags in a shell',
    load: async () => (await import('./commands/completion.js')).completionOf(COMMANDS),
  },
  {
    name: 'version',
    summary: 'print versions',
    load: async () => (await import('./commands/version.js')).VERSION_COMMAND,
  },
];

const EXAMPLES = `
Examples:
  $ nydusify convert --merge-platform registry.example/app:1.0 registry.example/app:1.0-nydus
  $ nydusify check --source registry.example/app:1.0 --target registry.example/app:1.0-nydus
  $ nydusify ls registry.example/app:1.0-nydus /etc
  $ nydusify cat registry.example/app:1.0-nydus /etc/os-release`;

const HELP = '`nydusify help COMMAND` prints the flags and examples of a command.';

const EXIT_CODES =
  'Exit codes: 0 done, 1 the answer is no (faults found, no such path, images differ), 2 wrong usage, 3 registry, 4 credentials, 5 content, 6 disk, 7 no native addon, 70 bug, 130 interrupted.';

/** The help of the program itself. */
export const PROGRAM = {
  description: 'Converts OCI and Docker images to Nydus images, and checks them.',
  examples: `${EXAMPLES}\n\n${HELP}\n\n${EXIT_CODES}`,
} as const;
