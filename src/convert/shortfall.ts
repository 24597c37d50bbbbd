/** Collects the images that were asked for and cannot be converted, and decides whether a run may go on without them. */
import { type NydusError, RegistryError, UnsupportedError, UsageError } from '../errors.js';
import { platformText } from '../image/image.js';
import type { Platform } from '../oci/descriptor.js';
import { anyOf, formatPlatform, formatSelection, platformMatches } from '../oci/platform.js';
import type { CallOptions } from '../reporter.js';
import type { ConvertOptions } from './options.js';
import type { SourceImage } from './source-images.js';

/** A requested image that cannot be converted or read. */
interface Unmet {
  /** The platform in normal form; undefined when neither the entry nor the config has one. */
  readonly platform: Platform | undefined;
  readonly error: NydusError;
}

/** `what` names an image in a message. */
export function alreadyNydus(what: string): UnsupportedError {
  return new UnsupportedError(`${what} is already a Nydus image`, { remedy: { kind: 'convert-original' } });
}

export class Shortfall {
  readonly #location: string;
  readonly #options: ConvertOptions;
  readonly #call: CallOptions;
  readonly #unmet: Unmet[] = [];
  /** Platforms of the source that the options do not select. */
  readonly #others: string[] = [];
  /** Platforms of selected images that are Nydus images already; undefined where the entry states none. */
  readonly #nydus: (Platform | undefined)[] = [];
  /** Selected entries that are listed as images and are none, each with what it is. */
  readonly #strangers: { readonly platform: Platform | undefined; readonly text: string }[] = [];

  /** `location` names the source in messages. */
  constructor(location: string, options: ConvertOptions, call: CallOptions) {
    this.#location = location;
    this.#options = options;
    this.#call = call;
  }

  /** Records the platform of an image that the options do not select. */
  unselected(platform: Platform): void {
    this.#others.push(formatPlatform(platform));
  }

  /** Records a selected image that a conversion has made already. */
  nydus(platform: Platform | undefined): void {
    this.#nydus.push(platform);
  }

  /** Records a selected entry that is listed as an image; `text` says what it is. */
  stranger(platform: Platform | undefined, text: string): void {
    this.#strangers.push({ platform, text });
  }

  /** Records an image that no conversion can take. */
  unconvertible(platform: Platform | undefined, error: UnsupportedError): void {
    this.#unmet.push({ platform, error });
  }

  /** Records an image that the source lists without holding its content, as archives of one platform do. */
  absent(platform: Platform | undefined, cause: NydusError): void {
    const what = platform === undefined ? 'an image' : `an image for ${formatPlatform(platform)}`;
    const message = `${this.#location} lists ${what} that it does not hold`;
    const error = new RegistryError(message, {
      status: 404,
      hint: cause.message,
      remedy: { kind: 'allow-missing-platforms' },
      cause,
    });
    // The absent image may be of a platform that the list does not name, so this is only a warning.
    if (platform === undefined && this.#options.platforms.kind === 'list')
      this.#warn('IMAGE_ABSENT', message);
    else this.#unmet.push({ platform, error });
  }

  /** Throws unless every listed platform has one of `images` and, for `all`, every image could be read. */
  demandAll(images: readonly SourceImage[]): void {
    const { platforms, allowMissingPlatforms } = this.#options;
    const refuse = (error: NydusError): void => {
      if (!allowMissingPlatforms) throw error;
      this.#warn('PLATFORM_MISSING', error.message);
    };
    if (platforms.kind === 'all') {
      for (const { error } of this.#unmet) if (error instanceof RegistryError) refuse(error);
      return;
    }
    const isThere = anyOf(images.map(({ platform }) => platform));
    const lacking = platforms.platforms.filter((wanted) => !isThere(wanted));
    if (lacking.length === 0) return;
    const isUnmet = anyOf([...this.#unmet.map(({ platform }) => platform), ...this.#nydus]);
    const unmet = lacking.find(isUnmet);
    const known = unmet === undefined ? undefined : this.#unmetFor(unmet);
    refuse(
      new UsageError(
        `${this.#location} has no image for ${lacking.map(formatPlatform).join(', ')}${known === undefined ? '' : ` that can be converted: ${known.message}`}`,
        { hint: this.#availableText(images), remedy: { kind: 'allow-missing-platforms' } },
      ),
    );
  }

  /** Makes the error of a source without any image to convert. */
  nothing(): NydusError {
    const [unmet] = this.#unmet;
    if (unmet !== undefined) return unmet.error;
    const isAlone = this.#others.length === 0;
    if (this.#nydus.length > 0) {
      const platforms = [...new Set(this.#nydus.map(platformText))].join(', ');
      return alreadyNydus(isAlone ? this.#location : `the image of ${this.#location} for ${platforms}`);
    }
    // An artifact without a platform may belong to any image, so that it explains nothing where there are others.
    const stranger = this.#strangers.find(({ platform }) => isAlone || platform !== undefined);
    if (stranger !== undefined) return new UnsupportedError(`${this.#location}: ${stranger.text}`);
    return new UsageError(`${this.#location} has no image for ${formatSelection(this.#options.platforms)}`, {
      hint: this.#availableText([]),
    });
  }

  #unmetFor(wanted: Platform): NydusError | undefined {
    const isWanted = (platform: Platform | undefined): boolean =>
      platform !== undefined && platformMatches(wanted, platform);
    const unmet = this.#unmet.find(({ platform }) => isWanted(platform))?.error;
    return unmet ?? (this.#nydus.some(isWanted) ? alreadyNydus('the one that it has') : undefined);
  }

  #availableText(images: readonly SourceImage[]): string {
    const names = [...images.map(({ platform }) => formatPlatform(platform)), ...this.#others];
    return names.length === 0 ? 'its index lists no image' : `it has ${[...new Set(names)].join(', ')}`;
  }

  #warn(code: string, message: string): void {
    this.#call.reporter?.emit({ type: 'warning', code, message });
  }
}
