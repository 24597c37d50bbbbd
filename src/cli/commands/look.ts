/** The common part of all commands that look inside images: flags, opening, notes, and the count of traffic. */
import { stat } from 'node:fs/promises';
import type { BlobBackend } from '../../backend/backend.js';
import { UsageError } from '../../errors.js';
import type { ImageChoice } from '../../image/choose.js';
import type { Image } from '../../image/image.js';
import type { Half } from '../../image/kinds.js';
import type { ChunkedFilesystem, Filesystem } from '../../look/filesystem.js';
import { imageBytes, openChunked, openFilesystem, type LookOptions } from '../../look/open.js';
import { countTraffic, type Traffic } from '../../look/traffic.js';
import type { Budget } from '../../limits.js';
import { NydusFilesystem } from '../../look/nydus.js';
import { openBudget } from '../../native/budget.js';
import { openBootstrapInTurns } from '../../native/judge.js';
import { formatPlatform, parsePlatform } from '../../oci/platform.js';
import type { Platform } from '../../oci/descriptor.js';
import { openSource } from '../../registry/open.js';
import type { Location } from '../../registry/location.js';
import type { ImageSource } from '../../registry/stores/store.js';
import type { CallOptions, ConvertEvent } from '../../reporter.js';
import { readBootstrapFile } from '../bootstrap-file.js';
import type { CommandCall } from '../command.js';
import type { CliContext } from '../context.js';
import { backedSource, openPlace } from '../backend.js';
import { backendOf } from '../flags/backend.js';
import { openOptions } from '../flags/environment.js';
import type { FlagValues } from '../flags/flags.js';
import { limitsOf } from '../flags/limits.js';
import { HALVES } from '../flags/look.js';
import { hostPlatform, machineArchitecture } from '../flags/machine.js';
import { registryFlags } from '../flags/registry.js';
import { type Lines, printLargeJson, printLine, printLines, printMessage } from '../text/print.js';
import { openProgress, type Progress } from '../text/progress.js';
import { type RunningCommand, withAdvice } from '../text/remedies.js';
import { formatBytes, plural } from '../text/units.js';

/** Says in the help what the words that name an image may be. */
export const locations = (subject: string): string =>
  `${subject} an image reference, oci:FOLDER[:TAG], oci-archive:FILE[:TAG] or docker-archive:FILE[:REFERENCE], or the file of a bootstrap.\n` +
  'Of a Nydus image only the bootstrap is fetched, and the chunks of files that are printed. An ordinary image has no directory of ' +
  'its own, so its layers are pulled.';

/** For the commands that look at one image. */
export const LOCATIONS = locations('REF is');

type FilesystemOptions = Pick<LookOptions, 'path' | 'follow' | 'chunkSize'>;

/** Everything that a command needs to look at one or two images. */
export class Looking implements AsyncDisposable {
  readonly flags: FlagValues;
  readonly json: boolean;
  readonly context: CliContext;
  readonly traffic: Traffic = { requests: 0, bytes: 0 };
  readonly #command: RunningCommand;
  readonly #quiet: boolean;
  /** Stores and filesystems that are closed together with this, the last one first. */
  readonly #opened: AsyncDisposable[] = [];
  /** What all images of the command take together. */
  readonly #budget: Budget;
  #imageBytes = 0;
  /** Open while layers are pulled. */
  #progress: Promise<Progress> | undefined;

  constructor({ name, flags, declared, log, context }: CommandCall) {
    this.flags = flags;
    this.json = flags.isOn('json');
    this.#budget = openBudget(limitsOf(flags));
    this.context = context;
    this.#command = { name, flags: declared };
    this.#quiet = log.quiet;
  }

  get call(): CallOptions {
    return {
      signal: this.context.signal,
      budget: this.#budget,
      reporter: withAdvice(
        {
          emit: (event) => {
            this.#say(event);
          },
        },
        this.#command,
      ),
    };
  }

  /** The image's store, which counts; closed together with this. */
  async source(location: string): Promise<ImageSource> {
    const options = await openOptions(this.context.env, registryFlags(this.flags), { budget: this.#budget });
    const opened = await backedSource(openSource(location, options), backendOf(this.flags, ''), options);
    const source = countTraffic(opened, this.traffic);
    this.#opened.push(source);
    return source;
  }

  /** Opens further stores with the same credentials; the caller closes them. */
  async opener(): Promise<(location: Location) => ImageSource> {
    const options = await openOptions(this.context.env, registryFlags(this.flags), { budget: this.#budget });
    return (location) => countTraffic(openSource(location, options), this.traffic);
  }

  /** The backend that flags name. The caller closes it. Throws UsageError without one. */
  async backend(): Promise<BlobBackend> {
    const place = backendOf(this.flags, '');
    if (place === undefined) throw new UsageError('--backend-type says which storage backend is meant');
    return openPlace(place, await openOptions(this.context.env, registryFlags(this.flags)));
  }

  /** The filesystem behind a location, or of a bootstrap in a file. */
  async filesystem(location: string, options: FilesystemOptions = {}): Promise<Filesystem> {
    if (await isLocalFile(location)) {
      const { bootstrap } = await openBootstrapInTurns(
        await readBootstrapFile(location),
        this.context.signal,
      );
      return new NydusFilesystem(bootstrap, undefined);
    }
    const onImage = (image: Image): void => {
      this.countImage(imageBytes(image));
      this.#noteLayers(image, options.path !== undefined);
    };
    const source = await this.source(location);
    return this.reading(() => openFilesystem(source, { ...this.#choice, onImage, ...options }, this.call));
  }

  /** The filesystem of an image many of whose files will be read. Throws UsageError for the file of a bootstrap. */
  async chunked(location: string): Promise<ChunkedFilesystem> {
    if (await isLocalFile(location))
      throw new UsageError('a bootstrap alone holds no file contents', {
        hint: 'name the image instead: its blobs are read by range',
      });
    const onImage = (image: Image): void => {
      this.countImage(imageBytes(image));
      this.#noteLayers(image, false);
    };
    const source = await this.source(location);
    const workDir = this.flags.text('work-dir');
    const options = { ...this.#choice, onImage, workDir };
    const filesystem = await this.reading(() => openChunked(source, options, this.call));
    this.#opened.push(filesystem);
    return filesystem;
  }

  /** Runs what reads for long and reports it. What is printed behind finds a free terminal. */
  async reading<T>(read: () => Promise<T>): Promise<T> {
    try {
      return await read();
    } finally {
      (await this.#progress)?.stop();
      this.#progress = undefined;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const opened of this.#opened.splice(0).reverse()) await opened[Symbol.asyncDispose]();
  }

  get platform(): Platform | undefined {
    const text = this.flags.text('platform');
    return text === undefined ? undefined : parsePlatform(text, machineArchitecture());
  }

  get #choice(): ImageChoice {
    return { platform: this.platform, preferred: hostPlatform(), half: this.half };
  }

  get half(): Half | undefined {
    return this.flags.oneOf('half', HALVES);
  }

  /** Adds an image to the bytes that `stats` compares the traffic with. */
  countImage(bytes: number): void {
    this.#imageBytes += bytes;
  }

  note(text: string): void {
    if (!this.#quiet && !this.json) printMessage(this.context, `note: ${text}`);
  }

  warn(text: string): void {
    printMessage(this.context, `warning: ${text}`);
  }

  /** Returns how many lines there were. */
  print(lines: Lines): Promise<number> {
    return printLines(this.context.stdout, lines, this.context.signal);
  }

  /** One JSON document: the answer, which image gave it, and what it took. */
  async printJson(answer: object, ...filesystems: readonly Filesystem[]): Promise<void> {
    const images = filesystems.map(({ image, kind }) => ({
      location: image?.store.location ?? null,
      kind,
      platform: image?.entry.platform === undefined ? null : formatPlatform(image.entry.platform),
      digest: image?.manifest.descriptor.digest ?? null,
    }));
    const { requests, bytes } = this.traffic;
    const traffic = { requests, bytes, imageBytes: this.#imageBytes };
    const document = { schemaVersion: 1, ...(images.length === 0 ? {} : { images }), ...answer, traffic };
    await printLargeJson(this.context.stdout, document, this.context.signal);
  }

  /** Prints the last line on standard error, if `--stats` asks for it. */
  stats(): void {
    if (!this.flags.isOn('stats')) return;
    const { requests, bytes } = this.traffic;
    const share =
      this.#imageBytes === 0
        ? ''
        : `, ${((bytes / this.#imageBytes) * 100).toFixed(2)} % of the ${formatBytes(this.#imageBytes)} of the image`;
    printLine(this.context.stderr, `${plural(requests, 'request')}, ${formatBytes(bytes)}${share}`);
  }

  #noteLayers({ kind, manifest }: Image, onePath: boolean): void {
    if (kind === 'nydus') return;
    const layers = [...new Map(manifest.value.layers.map((layer) => [layer.digest, layer.size])).values()];
    const size = formatBytes(layers.reduce((sum, bytes) => sum + bytes, 0));
    this.note(
      `this is no Nydus image: its ${plural(layers.length, 'layer')} (${size}) must be pulled to look inside` +
        (onePath ? ', from the top down until the path is found' : ''),
    );
  }

  /** Layers take long to pull, so a person sees how far that is; a Nydus image is opened at once. */
  #showReading(event: ConvertEvent): void {
    if (this.#quiet || this.json) return;
    this.#progress ??= openProgress('auto', this.context);
    void this.#progress.then(({ reporter }) => {
      reporter.emit(event);
    });
  }

  #say(event: ConvertEvent): void {
    if (event.type === 'warning') this.warn(event.message);
    if (event.type === 'read') this.#showReading(event);
    if (event.type === 'retry') this.note(`${event.what}: trying again (attempt ${event.attempt})`);
  }
}

/** A bootstrap or blob on disk; anything else is a location of an image. */
export async function isLocalFile(location: string): Promise<boolean> {
  if (/^\.{0,2}\//.test(location)) return true; // no reference starts like this; if there is no such file, that is the error
  try {
    return (await stat(location)).isFile();
  } catch {
    return false;
  }
}
