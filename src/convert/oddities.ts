/**
 * Warns of oddities of a source that stay in the result, because the OCI half keeps the source's bytes, and of limits that it may
 * exceed. Each warning comes once, before the conversion begins, and in the words of `check`.
 */
import { atOnce } from '../turns.js';
import { identityKeys, IDENTITY_MEMBERS, isIdentity, ownDigests } from '../image/identity.js';
import { isIsolated, recordedSource } from '../image/kinds.js';
import { staleConfigMembers } from '../oci/empty-layer.js';
import { isJsonObject, type JsonObject } from '../oci/json/value.js';
import { isDockerLayerType, isOciLayerType, MEDIA } from '../oci/media-types.js';
import { formatPlatform, normalizePlatform } from '../oci/platform.js';
import { MAX_BLOBS } from '../rafs-builder/layout/v6.js';
import type { CallOptions } from '../reporter.js';
import type { ConvertOptions } from './options.js';
import type { SourceImage } from './source-images.js';

/** Emits one warning for each oddity, with the number of images that have it. */
export function warnOfOddities(
  images: readonly SourceImage[],
  index: JsonObject | undefined,
  options: ConvertOptions,
  call: CallOptions,
): void {
  const seen = new Map<string, { readonly code: string; count: number }>();
  const ofIndex = identityOf(index);
  if (ofIndex.length > 0) seen.set(leftOut('index', ofIndex), { code: 'IDENTITY_LEFT_OUT', count: 1 });
  for (const image of images) {
    const isolated = options.mergePlatform && options.mergeIsolation === 'empty-layer';
    for (const { code, message } of [
      ...odditiesOf(image),
      ...familyOddities(image),
      ...identityOddities(image, isolated),
      ...limitOddities(image, options),
    ]) {
      const known = seen.get(message);
      if (known === undefined) seen.set(message, { code, count: 1 });
      else known.count += 1;
    }
  }
  if (options.mergePlatform)
    for (const message of severalOfOnePlatform(images))
      seen.set(message, { code: 'SEVERAL_IMAGES', count: 1 });
  for (const [message, { code, count }] of seen) {
    call.reporter?.emit({
      type: 'warning',
      code,
      message: count === 1 ? message : `${message} (the same is true of ${count - 1} more)`,
    });
  }
}

/** Index detection takes the first Nydus image of a platform, so further ones are never used. */
function* severalOfOnePlatform(images: readonly SourceImage[]): Generator<string> {
  const first = new Map<string, SourceImage>();
  const reported = new Set<string>();
  for (const image of images) {
    const name = formatPlatform(image.platform);
    const other = first.get(name);
    if (other === undefined) first.set(name, image);
    else if (other.manifest.descriptor.digest !== image.manifest.descriptor.digest) reported.add(name);
  }
  for (const name of reported)
    yield `the index holds several images for ${name}: clients take the first of them, and so does index detection`;
}

/** Only a packed layer shows whether it has data, and only all layers whether a higher one hides it. */
function* limitOddities({ manifest }: SourceImage, { fsVersion }: ConvertOptions): Generator<Oddity> {
  const layers = new Set(manifest.value.layers.map(({ digest }) => digest)).size;
  if (fsVersion !== 6 || layers <= MAX_BLOBS) return;
  yield {
    code: 'MANY_LAYERS',
    message: `an image has ${layers} layers, and RAFS v6 holds ${MAX_BLOBS} blobs: the conversion fails in the end if more have data that no higher layer hides`,
  };
}

interface Oddity {
  readonly code: string;
  readonly message: string;
}

function* odditiesOf(image: SourceImage): Generator<Oddity> {
  const { manifest, config, platform } = image;
  const name = formatPlatform(platform);
  const stated = normalizePlatform(platform);
  const named = normalizePlatform(config.value.platform);
  const { os, architecture, variant } = config.value.platform;
  const complete = os !== '' && architecture !== '';
  if (!complete) {
    yield {
      code: 'CONFIG_PLATFORM_MISSING',
      message: `the config of the image for ${name} names no ${os === '' ? 'os' : 'architecture'}`,
    };
  } else if (
    stated.os !== named.os ||
    stated.architecture !== named.architecture ||
    (variant !== undefined && stated.variant !== named.variant)
  ) {
    yield {
      code: 'CONFIG_PLATFORM',
      message: `the index lists an image for ${name}, but the image's config names ${formatPlatform(named)}; the conversion follows the index`,
    };
  }
  const layers = manifest.value.layers.length - (isIsolated(manifest.value) ? 1 : 0);
  const described = config.value.history.filter(({ emptyLayer }) => !emptyLayer).length;
  if (described !== 0 && described !== layers) {
    yield {
      code: 'CONFIG_HISTORY',
      message: `the history of the image for ${name} has entries for ${described} layers, but the image has ${layers}; the Nydus image gets a history that fits`,
    };
  }
}

/** A manifest of one family whose layers are of the other; containerd reads both, and stricter clients refuse. */
function* familyOddities({ manifest, platform }: SourceImage): Generator<Oddity> {
  const docker = manifest.value.mediaType === MEDIA.dockerManifest;
  const isOther = docker ? isOciLayerType : isDockerLayerType;
  if (!manifest.value.layers.some(({ mediaType }) => isOther(mediaType))) return;
  yield {
    code: 'LAYER_FAMILY',
    message: `the manifest of the image for ${formatPlatform(platform)} is of the ${docker ? 'Docker' : 'OCI'} family, and some of its layers are of the other`,
  };
}

function* identityOddities({ manifest, config }: SourceImage, isolated: boolean): Generator<Oddity> {
  const { value } = manifest;
  const members: readonly string[] = IDENTITY_MEMBERS.filter((member) => value[member] !== undefined);
  const names = [...members, ...identityKeys(value.annotations, ownDigests(manifest))];
  if (names.length > 0) {
    yield {
      code: 'IDENTITY_LEFT_OUT',
      message: `${leftOut('manifest', names)}${isolated ? '; the OCI half keeps them, as it can be turned back into the source' : ''}`,
    };
  }
  if (isolated && recordedSource(value).digest !== undefined) {
    yield {
      code: 'SOURCE_ANNOTATION',
      message:
        'the source names a source of its own, and the OCI half names this one instead; converting it again needs the source itself',
    };
  }
  // Hardly any manifest has these, and they need a second look at its text.
  const { data, urls } = value.config.raw;
  if ((data ?? urls ?? null) === null) return;
  const bytes = { manifest: manifest.bytes, config: config.bytes };
  const stale = atOnce(staleConfigMembers(bytes, `manifest ${manifest.descriptor.digest}`));
  if (stale.length === 0) return;
  const what = `${stale.join(' and ')} of the config's descriptor describe other bytes`;
  yield {
    code: 'CONFIG_DESCRIPTOR',
    message: isolated
      ? `${what} and are left out of the OCI half; converting the result again needs the source itself`
      : `${what}; clients that use them read another config than others`,
  };
}

function leftOut(what: 'index' | 'manifest', names: readonly string[]): string {
  return `the result does not inherit ${names.join(', ')} of the source's ${what}, because they refer only to the source`;
}

function identityOf(index: JsonObject | undefined): readonly string[] {
  if (index === undefined) return [];
  const members: readonly string[] = IDENTITY_MEMBERS.filter(
    (member) => (index.get(member) ?? null) !== null,
  );
  const annotations = index.get('annotations');
  const keys = isJsonObject(annotations)
    ? [...annotations].filter(([key, value]) => isIdentity(key, value, new Set())).map(([key]) => key)
    : [];
  return [...members, ...keys];
}
