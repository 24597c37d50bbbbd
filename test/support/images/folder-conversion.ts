/** Conversions between folders, as the library does them: for tests that need no registry and no command. */
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { convertImage, type ConvertResult } from '../../../src/convert/convert.js';
import type { ConvertOptions } from '../../../src/convert/options.js';
import { collect } from '../../../src/io/streams.js';
import type { Descriptor } from '../../../src/oci/descriptor.js';
import {
  type Index,
  type Manifest,
  parseDocument,
  parseIndex,
  parseManifest,
} from '../../../src/oci/manifest.js';
import { anonymous } from '../../../src/registry/auth/credentials.js';
import { openSource, openTarget } from '../../../src/registry/open.js';
import type { ConvertEvent } from '../../../src/reporter.js';
import { type BuiltImage, putImage } from './image-builder.js';
import { tempFolder } from '../temp-folder.js';
import { parseLocation } from '../../../src/registry/location.js';

const open = { credentials: anonymous };

export interface Converted {
  readonly result: ConvertResult;
  readonly events: readonly ConvertEvent[];
  /** Where the result lies, as a location. */
  readonly location: string;
  readonly bytes: Buffer;
  readonly root: Manifest | Index;
  read(descriptor: Descriptor): Promise<Buffer>;
  manifest(descriptor: Descriptor): Promise<Manifest>;
  config(manifest: Manifest): Promise<ConfigJson>;
}

/** The fields of a config that tests read. */
export interface ConfigJson {
  readonly rootfs: { readonly diff_ids: readonly string[] };
  readonly history: readonly { readonly empty_layer?: boolean; readonly comment?: string }[];
}

/** Puts an image into a folder; the location of it. */
export async function store(t: TestContext, image: BuiltImage): Promise<string> {
  const location = `oci:${join(await tempFolder(t), 'from')}:v`;
  await using target = openTarget(location, open);
  await putImage(target, image);
  return location;
}

/** Converts what lies at `from` into a folder of its own, or into `to`. */
export async function convertFrom(
  t: TestContext,
  from: string,
  options: Partial<ConvertOptions> = {},
  to?: string,
): Promise<Converted> {
  const folder = await tempFolder(t);
  const location = to ?? `oci:${join(folder, 'to')}:v`;
  await using source = openSource(from, open);
  await using target = openTarget(location, open);
  const events: ConvertEvent[] = [];
  const result = await convertImage(
    { source, target },
    { workDir: join(folder, 'work'), sourceLocation: parseLocation('docker.io/library/app:1'), ...options },
    { reporter: { emit: (event) => void events.push(event) } },
  );
  const made = openSource(location, open);
  t.after(() => made[Symbol.asyncDispose]());
  const read = (descriptor: Descriptor): Promise<Buffer> => collect(made.fetch(descriptor), 1e9, 'made');
  const bytes = await read(result.root);
  return {
    result,
    events,
    location,
    bytes,
    root: parseDocument(bytes, result.root.mediaType),
    read,
    manifest: async (descriptor) => parseManifest(await read(descriptor), descriptor.mediaType),
    config: async ({ config }) => JSON.parse((await read(config)).toString('utf8')) as ConfigJson, // the test says if not
  };
}

export async function convert(
  t: TestContext,
  image: BuiltImage,
  options: Partial<ConvertOptions> = {},
): Promise<Converted> {
  return convertFrom(t, await store(t, image), options);
}

export function indexOf(converted: Converted): Index {
  return parseIndex(converted.bytes, converted.result.root.mediaType);
}
