/** `nydusify mount`: an image as a file system, by `nydusd`. */
import { readFile, realpath, rm, rmdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { InterruptedError, LocalIoError, UnsupportedError, UsageError } from '../../errors.js';
import { fetchBootstrap } from '../../image/bootstrap-layer.js';
import { chooseImage } from '../../image/choose.js';
import type { Image } from '../../image/image.js';
import { readReference } from '../../image/reference-tree.js';
import { readSmallFile } from '../../io/file-range.js';
import { findProgram } from '../../io/find-program.js';
import { isPrivate } from '../../io/folder.js';
import { makeFolders } from '../../io/make-folders.js';
import { openScratch } from '../../io/scratch.js';
import { localIoError } from '../../io/system-error.js';
import { isMounted } from '../../mount/mount-point.js';
import { Nydusd } from '../../mount/nydusd.js';
import { backendOfLocation, type NydusdBackend, nydusdConfig } from '../../mount/nydusd-config.js';
import { openBudget } from '../../native/budget.js';
import { digestHex } from '../../oci/digest.js';
import { parsePlatform } from '../../oci/platform.js';
import { registryHost } from '../../oci/reference.js';
import { versionOf } from '../../rafs-builder/versions.js';
import { isLoopback, probeLoopback } from '../../registry/http/hosts.js';
import { type Location, parseLocation } from '../../registry/location.js';
import { type OpenOptions, openSource } from '../../registry/open.js';
import type { CallOptions } from '../../reporter.js';
import { backedSource } from '../backend.js';
import type { CommandCall, CommandTable } from '../command.js';
import { backendOf, type BackendPlace, idleBackendNotes } from '../flags/backend.js';
import { openOptions } from '../flags/environment.js';
import { imageWord } from '../flags/image-word.js';
import { limitsOf } from '../flags/limits.js';
import { hostPlatform, machineArchitecture } from '../flags/machine.js';
import { MOUNT_FLAGS, MOUNT_PATH } from '../flags/mount.js';
import { registryFlags } from '../flags/registry.js';
import { printLine, printMessage } from '../text/print.js';

const EXAMPLES = `
nydusd must be installed (it comes with Nydus), and FUSE. It runs as long as this command does: SIGINT, SIGTERM and SIGHUP unmount, also while files
are open. Without nydusd, \`nydusify serve REF\` shows the files to browsers, curl and WebDAV clients, and \`nydusify extract REF DIR\` writes them.

Examples:
  $ nydusify mount registry.example/app:1.0-nydus ./root
  $ nydusify mount --target registry.example/app:1.0-nydus --mount-path ./root --work-dir ./cache`;

export const MOUNT: CommandTable = {
  description:
    'Mounts a Nydus image by nydusd, and unmounts it when a signal comes.\n\n' +
    'REF is an image reference or oci:FOLDER[:TAG]. nydusd fetches the chunks of the files that are read, and keeps them.',
  words: [
    ['[ref]', 'the image; or --target'],
    ['[dir]', `where it is mounted; or --mount-path, which is ${MOUNT_PATH} by default`],
  ],
  usage: '[options] REF [DIR]',
  flags: MOUNT_FLAGS,
  examples: EXAMPLES,
  run: mount,
};

async function mount(call: CommandCall): Promise<void> {
  const { flags, context, words } = call;
  const notes = [...idleBackendNotes(flags, '')];
  const location = imageWord(flags, 'target', words[0], notes);
  if (location === undefined)
    throw new UsageError('required flag --target is missing', { hint: 'nydusify mount REF DIR' });
  for (const note of notes) printMessage(context, `note: ${note}`);
  const program = await nydusdProgram(flags.text('nydusd') ?? 'nydusd', call);
  const budget = openBudget(limitsOf(flags));
  const reading: CallOptions = { signal: context.signal, budget };
  const options = await openOptions(context.env, registryFlags(flags, 'target'), { budget });
  const place = backendOf(flags, '');
  demandNoArchive(parseLocation(location));
  await using source = await backedSource(openSource(location, options), place, options);
  const platform = flags.text('platform');
  const wanted = platform === undefined ? undefined : parsePlatform(platform, machineArchitecture());
  const tree = await readReference(source, reading);
  const image = await chooseImage(tree, { platform: wanted, preferred: hostPlatform() }, reading);
  if (image.kind !== 'nydus')
    throw new UnsupportedError('this is no Nydus image, and nydusd mounts no other', {
      hint: 'convert it first; nydusify serve and nydusify extract read it as it is',
    });
  const backend =
    place === undefined
      ? await backendOfImage(source.place, options, flags.isOn('target-insecure'), context.signal)
      : { type: place.type, config: await settingsOf(place) };
  await run(
    call,
    { program, image, backend, directory: words[1] ?? flags.text('mount-path') ?? MOUNT_PATH },
    reading,
  );
}

function demandNoArchive({ kind }: Location): void {
  if (kind === 'registry' || kind === 'oci') return;
  throw new UnsupportedError('nydusd reads no archives', {
    hint: 'nydusify copy ARCHIVE oci:FOLDER unpacks it; nydusify serve reads it as it is',
  });
}

/** Throws UnsupportedError when it is not there: before anything is fetched for it. */
async function nydusdProgram(name: string, { context }: CommandCall): Promise<string> {
  if (name.includes('/')) return resolve(name);
  try {
    return await findProgram(name, context.env);
  } catch (cause) {
    throw new UnsupportedError(`${name} is not installed, which mount needs`, {
      cause,
      hint: 'nydusify serve REF shows the files of an image to browsers and WebDAV clients, nydusify extract REF DIR writes them; both need nothing else. --nydusd names a daemon that is not in PATH',
    });
  }
}

/** The settings as they were given: `nydusd` reads upstream's members, too. */
async function settingsOf({ config }: BackendPlace): Promise<NydusdBackend['config']> {
  const limit = 1024 * 1024;
  const text = 'text' in config ? config.text : (await readSmallFile(config.file, limit)).toString('utf8');
  return JSON.parse(text) as NydusdBackend['config']; // it was parsed before, when the backend was opened
}

async function backendOfImage(
  place: Location,
  { credentials, plainHttp, proxies }: OpenOptions,
  insecure: boolean,
  signal: AbortSignal,
): Promise<NydusdBackend> {
  if (place.kind !== 'registry')
    return backendOfLocation(place, {
      login: undefined,
      scheme: undefined,
      skipVerify: false,
      proxy: undefined,
    });
  const host = registryHost(place.reference);
  const isLocal = isLoopback(host);
  const login = await credentials?.get(place.reference.registry, place.reference.repository, { signal });
  const { username, password } = login ?? {};
  const isPlain = plainHttp === true || (isLocal && (await probeLoopback(host, signal)) === 'http:');
  return backendOfLocation(place, {
    login: username === undefined || password === undefined ? undefined : { username, password },
    scheme: isPlain ? 'http' : insecure ? undefined : 'https',
    skipVerify: insecure,
    proxy: isLocal ? undefined : (proxies?.http ?? proxies?.https),
  });
}

interface Wanted {
  readonly program: string;
  readonly image: Image;
  readonly backend: NydusdBackend;
  readonly directory: string;
}

/** Returns when the image is unmounted. Throws LocalIoError. */
async function run(call: CommandCall, wanted: Wanted, reading: CallOptions): Promise<void> {
  const { flags, context } = call;
  const { program, image, backend } = wanted;
  const { bytes } = await fetchBootstrap(image, reading);
  // From here on every signal means: unmount. The second one waits for nothing, but leaves nothing mounted either.
  const [stopping, hurrying] = [new AbortController(), new AbortController()];
  const stop = (): void => {
    if (stopping.signal.aborted) hurrying.abort();
    else stopping.abort(new InterruptedError('interrupted'));
  };
  context.signal.addEventListener('abort', stop, { once: true });
  context.takeSignals?.({ stop, hurry: stop, reload: stop });
  await using scratch = await openScratch(tmpdir());
  const folder = await keptFolder(flags.text('work-dir'), image, scratch.path);
  const bootstrap = join(folder, 'nydus_bootstrap');
  const cache = join(folder, 'nydus_blobs');
  await makeFolders(cache, 0o700);
  await writeNew(bootstrap, bytes);
  // It may hold a login, so it goes with the run.
  const config = scratch.file('nydusd_config.json');
  const fsVersion = versionOf(bytes).number;
  await writeNew(config, nydusdConfig({ backend, cache, prefetch: flags.isOn('prefetch'), fsVersion }));
  const made = await makeDirectory(wanted.directory);
  const directory = await realpath(wanted.directory);
  try {
    if ((await isMounted(directory)) === true)
      throw new LocalIoError(`something is mounted on ${wanted.directory} already`);
    const nydusd = await Nydusd.start(
      {
        program,
        config,
        bootstrap,
        socket: scratch.file('api.sock'),
        directory,
        onLine: (line) => {
          printLine(context.stderr, `nydusd: ${line}`);
        },
        onBusy: () => {
          printMessage(context, `warning: programs use ${wanted.directory}: it goes for good when they end`);
        },
        hurry: hurrying.signal,
      },
      stopping.signal,
    ).catch((error: unknown) => {
      if (stopping.signal.aborted) return undefined;
      throw error;
    });
    if (nydusd === undefined) return;
    printLine(context.stdout, directory);
    const isStopped = await Promise.race([aborted(stopping.signal), nydusd.closed.then(() => false)]);
    if (!(await nydusd.stop())) throw new LocalIoError(`${wanted.directory} cannot be unmounted`);
    if (!isStopped) throw new LocalIoError(`nydusd has ended: ${nydusd.lastWords}`);
  } finally {
    if (made !== undefined) await rmdir(directory).catch(() => undefined);
  }
}

async function aborted(signal: AbortSignal): Promise<true> {
  if (!signal.aborted)
    await new Promise<void>((done) => {
      signal.addEventListener('abort', () => {
        done();
      });
    });
  return true;
}

/** A folder for this image in the work folder, or else a temporary one. Throws LocalIoError where other users may write. */
async function keptFolder(workDir: string | undefined, image: Image, temporary: string): Promise<string> {
  if (workDir === undefined) return temporary;
  const folder = join(resolve(workDir), `nydusify-mount-${digestHex(image.manifest.descriptor.digest)}`);
  try {
    await makeFolders(folder, 0o700);
    if (await isPrivate(folder)) return folder;
  } catch (cause) {
    throw localIoError(`cannot use ${folder}`, cause);
  }
  throw new LocalIoError(`other users can change ${folder}`, {
    hint: 'choose another place with --work-dir',
  });
}

/** A file of this user alone, with all of its bytes; one that is there with them stays, since nydusd may have mapped it. */
async function writeNew(path: string, content: Uint8Array | string): Promise<void> {
  const bytes = Buffer.from(content);
  try {
    if (bytes.equals(await readFile(path).catch(() => Buffer.alloc(0)))) return;
    await rm(path, { force: true });
    await writeFile(path, bytes, { mode: 0o600, flag: 'wx' });
  } catch (cause) {
    throw localIoError(`cannot write ${path}`, cause);
  }
}

/** Returns the first folder that was made. */
async function makeDirectory(path: string): Promise<string | undefined> {
  try {
    return await makeFolders(path);
  } catch (cause) {
    throw localIoError(`cannot make ${path}`, cause);
  }
}
