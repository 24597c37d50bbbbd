/** `nydusify build`: a directory becomes a bootstrap and a blob, or a whole image. */
import type { BuiltFiles } from '../../build/files.js';
import type { BuildOptions } from '../../build/options.js';
import { UsageError } from '../../errors.js';
import type { Budget } from '../../limits.js';
import { parsePlatform } from '../../oci/platform.js';
import { parseLocation } from '../../registry/location.js';
import type { CallOptions } from '../../reporter.js';
import { openPlace } from '../backend.js';
import type { CommandCall, CommandTable } from '../command.js';
import { deliver } from '../deliver.js';
import { deployName } from '../deploy-name.js';
import { openDictionary } from '../dictionary.js';
import { type BackendPlace, backendOf, idleBackendNotes } from '../flags/backend.js';
import {
  BUILD_FLAGS,
  entriesOf,
  OF_FILES,
  OF_IMAGE,
  OUTPUT_DIR,
  refuseCompact,
  settingsOf,
} from '../flags/build.js';
import { chunkDictOf } from '../flags/chunk-dict.js';
import { PROGRESS_FORMS } from '../flags/convert.js';
import { openOptions } from '../flags/environment.js';
import { type FlagValues, requireFlags } from '../flags/flags.js';
import { formatNotes, treeFormatOf } from '../flags/format.js';
import { limitsOf } from '../flags/limits.js';
import { hostPlatform, machineArchitecture } from '../flags/machine.js';
import { asksForInput, prefetchOf } from '../flags/prefetch-list.js';
import { pushRetryOf } from '../flags/push-retry.js';
import { registryFlags } from '../flags/registry.js';
import { transfersOf } from '../flags/transfer.js';
import { endingWithEvent, endWithResult } from '../last-event.js';
import { listFiles } from '../list-files.js';
import { builtFilesDocument, builtImageDocument } from '../report/build.js';
import { tryResultFiles, writeResultFiles } from '../result-files.js';
import { builtFilesSummary, builtImageSummary } from '../text/build.js';
import { printJson, printLine, printLines, printMessage } from '../text/print.js';
import { withAdvice } from '../text/remedies.js';

const EXAMPLES = `
Examples:
  A bootstrap and a blob, ./.nydus-build-output/app.meta and app.blob:
    $ nydusify build --name app ./rootfs
  The same bytes on every machine:
    $ nydusify build --name app --reproducible ./rootfs
  A whole image, in a registry or in files:
    $ nydusify build --image registry.example/app:1.0-nydus --entrypoint '["/bin/app"]' --env LANG=C.UTF-8 ./rootfs
    $ nydusify build --image oci:layout:app --reproducible ./rootfs
  A directory as a layer on a Nydus image:
    $ nydusify build --append-to registry.example/base:1-nydus --image registry.example/app:1-nydus ./added
  As upstream's nydusify is called, with the blob in a storage backend:
    $ nydusify build --source-dir ./rootfs --name app --backend-push --backend-type s3 --backend-config-file s3.json

The directory is read as it is: owners, times, modes, extended attributes, links, devices and holes of files stay. Sockets are left out.
What changes while it is read ends the build. The last line on standard output names what was made; with --json it is a document.`;

export const BUILD: CommandTable = {
  description:
    'Makes a Nydus image of a directory, without root: a bootstrap and a blob, or with --image a whole image.\n\n' +
    'The same directory gives the same bytes, whatever the file system and the number of threads.',
  words: [['[dir]', 'the directory; the same as --source-dir']],
  usage: '[options] DIR',
  flags: BUILD_FLAGS,
  examples: EXAMPLES,
  run: (call) => endingWithEvent(call, RUNNING, () => build(call)),
};

const RUNNING = { name: 'build', flags: BUILD_FLAGS };

async function build(call: CommandCall): Promise<void> {
  const { words, flags, context } = call;
  const directory = directoryOf(flags, words[0]);
  const image = flags.text('image');
  const name = nameOf(flags);
  requireFlags([
    ...(directory === undefined ? ['source-dir'] : []),
    ...(name === undefined && image === undefined ? ['name'] : []),
  ]);
  const notes = notesOf(flags, image !== undefined);
  const format = treeFormatOf(flags);
  const list = prefetchOf(flags, await listFiles(asksForInput(flags), context));
  notes.push(...formatNotes(flags, format), ...list.notes);
  for (const note of notes) printMessage(context, `note: ${note}`);
  const hasBelow = flags.text('parent-bootstrap') ?? flags.text('append-to');
  const threads = flags.number('threads');
  const options: BuildOptions = {
    ...(hasBelow === undefined ? format : givenOf(flags, format)),
    ...entriesOf(flags, context.env),
    ...(list.patterns === undefined ? {} : { prefetch: list.patterns }),
    ...(threads === undefined ? {} : { threads }),
  };
  const run = { call, directory: directory ?? '', options };
  if (image === undefined) await toFiles(run, name ?? '');
  else await toImage(run, image);
}

interface BuildRun {
  readonly call: CommandCall;
  readonly directory: string;
  readonly options: BuildOptions;
}

/** A word wins over the environment and the configuration file. */
function directoryOf(flags: FlagValues, word: string | undefined): string | undefined {
  const flag = flags.text('source-dir');
  if (
    word !== undefined &&
    flag !== undefined &&
    word !== flag &&
    flags.originOf('source-dir')?.kind === 'command line'
  )
    throw new UsageError(`the directory is given twice: "${word}" and --source-dir "${flag}"`);
  return word ?? flag;
}

function nameOf(flags: FlagValues): string | undefined {
  return flags.text('name') ?? flags.text('meta');
}

/** Throws UsageError for flags that do not go together on the command line. */
function notesOf(flags: FlagValues, isImage: boolean): string[] {
  const notes: string[] = [];
  for (const name of isImage ? OF_FILES : OF_IMAGE) {
    if (!flags.isGiven(name)) continue;
    const reason = isImage ? '--image makes no files' : 'it is about a whole image: add --image';
    if (flags.originOf(name)?.kind === 'command line')
      throw new UsageError(`--${name} has no place here: ${reason}`);
    notes.push(`--${name} has no effect: ${reason}`);
  }
  if (flags.text('append-to') !== undefined && flags.text('image-config') !== undefined)
    throw new UsageError('--image-config conflicts with --append-to, whose image has a config');
  if (flags.isGiven('nydus-image')) notes.push('--nydus-image has no effect: no second binary is needed');
  notes.push(...refuseCompact(flags));
  if (!flags.isOn('backend-push')) {
    notes.push(...idleBackendNotes(flags, ''));
    if (flags.text('backend-type') !== undefined)
      notes.push('--backend-type has no effect without --backend-push');
  }
  return notes;
}

/** On top of another image its format holds; what was asked for is compared with it. */
function givenOf(flags: FlagValues, format: BuildOptions): BuildOptions {
  const { fsVersion, compressor, chunkSize, digester, ...rest } = format;
  const given = <T>(name: string, value: T): T | undefined => (flags.isGiven(name) ? value : undefined);
  const common = {
    fsVersion: given('fs-version', fsVersion),
    compressor: given('compressor', compressor),
    chunkSize: given('fs-chunk-size', chunkSize),
    digester: given('digester', digester),
  };
  const kept = Object.entries(common).filter(([, value]) => value !== undefined);
  return { ...rest, ...Object.fromEntries(kept) };
}

/** Upstream's kind of backend is oss unless another is named. */
function backendPlace(flags: FlagValues): BackendPlace | undefined {
  if (!flags.isOn('backend-push')) return undefined;
  const place = backendOf(flags, '');
  if (place !== undefined) return place;
  const [text, file] = [flags.text('backend-config'), flags.text('backend-config-file')];
  if (text !== undefined && file !== undefined)
    throw new UsageError('--backend-config conflicts with --backend-config-file');
  if (file !== undefined) return { type: 'oss', config: { file } };
  if (text !== undefined) return { type: 'oss', config: { text } };
  throw new UsageError("backend configuration is empty, please specify option '--backend-config'");
}

async function toFiles({ call, directory, options }: BuildRun, name: string): Promise<void> {
  const { flags, context } = call;
  const place = backendPlace(flags);
  const parentPath = flags.text('parent-bootstrap');
  const [{ buildFiles }, { readBootstrapFile }] = await Promise.all([
    import('../../build/files.js'),
    import('../bootstrap-file.js'),
  ]);
  const opened = (side?: 'chunk-dict'): ReturnType<typeof openOptions> =>
    openOptions(context.env, registryFlags(flags, side));
  await using backend = place === undefined ? undefined : await openPlace(place, await opened());
  await using dictionary = await openDictionary(chunkDictOf(flags), () => opened('chunk-dict'));
  const parent =
    parentPath === undefined
      ? undefined
      : { name: parentPath, bootstrap: await readBootstrapFile(parentPath) };
  const built = await progressing(call, (own) =>
    buildFiles(
      directory,
      {
        folder: flags.text('output-dir') ?? OUTPUT_DIR,
        name,
        parent,
        backend,
        platform: hostPlatform(),
      },
      { ...options, dictionary: dictionary.dictionary },
      own,
    ),
  );
  if (shows(call)) await printLines(context.stderr, builtFilesSummary(built));
  await finish(call, builtFilesDocument(built), successLine(built));
}

/** Upstream's line. */
function successLine({ bootstrap, blob }: BuiltFiles): string {
  return `successfully built Nydus image (bootstrap:'${bootstrap}', blob:'${blob}')`;
}

async function toImage({ call, directory, options }: BuildRun, target: string): Promise<void> {
  const { flags, context } = call;
  const place = parseLocation(target);
  const below = flags.text('append-to');
  const settings = settingsOf(flags);
  const platformText = flags.text('platform');
  const files = { imageFile: flags.text('image-file'), digestFile: flags.text('digest-file') };
  tryResultFiles(files);
  const [{ openBudget }, { buildImage }, { openSource, openTarget }, config] = await Promise.all([
    import('../../native/budget.js'),
    import('../../build/image.js'),
    import('../../registry/open.js'),
    configOf(flags),
  ]);
  const workDir = flags.text('work-dir');
  const budget = openBudget(limitsOf(flags));
  const { concurrency, transfer } = transfersOf(flags);
  const shared = { workDir, budget, transfer };
  await using dictionary = await openDictionary(chunkDictOf(flags), () =>
    openOptions(context.env, registryFlags(flags, 'chunk-dict'), shared),
  );
  await using base =
    below === undefined
      ? undefined
      : openSource(
          parseLocation(below),
          await openOptions(context.env, registryFlags(flags, 'source'), shared),
        );
  await using opened = openTarget(place, {
    ...(await openOptions(context.env, registryFlags(flags, 'target'), {
      ...shared,
      retry: pushRetryOf(flags),
    })),
    verifyPresent: flags.isOn('verify-present'),
  });
  const made = await progressing(
    call,
    (own) =>
      buildImage(
        directory,
        { target: opened, below: base },
        {
          ...options,
          platform:
            platformText === undefined ? hostPlatform() : parsePlatform(platformText, machineArchitecture()),
          settings,
          config,
          concurrency,
          workDir,
          dictionary: dictionary.dictionary,
        },
        own,
      ),
    budget,
  );
  if (shows(call)) await printLines(context.stderr, builtImageSummary(made));
  const image = await deployName(place, made.root);
  const { root } = made;
  await deliver(call, {
    image,
    root,
    document: builtImageDocument(image, made),
    writeFiles: () => writeResultFiles(files, { image, digest: root.digest }),
  });
}

/** Bytes of a config at most, as clients allow. */
const MAX_CONFIG = 4 * 1024 * 1024;

async function configOf(flags: FlagValues): Promise<Uint8Array | undefined> {
  const path = flags.text('image-config');
  if (path === undefined) return undefined;
  const { readSmallFile } = await import('../../io/file-range.js');
  return readSmallFile(path, MAX_CONFIG);
}

async function progressing<T>(
  { flags, context, log }: CommandCall,
  work: (call: CallOptions) => Promise<T>,
  budget?: Budget,
): Promise<T> {
  const { openProgress } = await import('../text/progress.js');
  const form = flags.oneOf('progress', PROGRESS_FORMS) ?? 'auto';
  const progress = await openProgress(log.quiet ? 'none' : form, context);
  try {
    return await work({
      signal: context.signal,
      reporter: withAdvice(progress.reporter, RUNNING),
      ...(budget === undefined ? { limits: limitsOf(flags) } : { budget }),
    });
  } finally {
    progress.stop();
  }
}

/** True if a summary is shown beside the result. */
function shows({ flags, log }: CommandCall): boolean {
  const form = flags.text('progress');
  return !log.quiet && form !== 'json' && form !== 'none';
}

async function finish({ flags, context, log }: CommandCall, document: object, line: string): Promise<void> {
  if (flags.isOn('json')) printJson(context.stdout, document, 2);
  else printLine(context.stdout, line);
  if (flags.text('progress') === 'json' && !log.quiet) await endWithResult(document, context);
}
