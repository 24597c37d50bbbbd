/** `converter.driver.config`: upstream's options of a conversion, each with what it means to ours. */
import { BACKEND_TYPES } from '../../backend/backend.js';
import { type BackendConfig, parseBackendConfig } from '../../backend/config.js';
import { isSdkInstalled, S3_NEEDS_SDK } from '../../backend/s3/sdk.js';
import type { ConvertOptions } from '../../convert/options.js';
import { convertOptions } from '../../convert/options.js';
import { NydusError } from '../../errors.js';
import { CODECS, FORMAT_DEFAULTS } from '../../native/formats.js';
import { upstreamPatterns } from '../../prefetch/lines.js';
import { nearestWord } from '../../similar.js';
import { parseSize, wholeNumber } from './scalars.js';
import { UNSUPPORTED } from './shape.js';

type Options = { -readonly [K in keyof ConvertOptions]?: ConvertOptions[K] };

/** What the driver's options come to. */
export interface DriverSettings {
  /** As the configuration has them. */
  readonly texts: Readonly<Record<string, string>>;
  readonly options: Partial<ConvertOptions>;
  readonly dictionary: string | undefined;
  /** Where conversions keep temporary files, in place of the service's own folder. */
  readonly workDir: string | undefined;
  /** The place of blobs that do not go to the registry. */
  readonly backend: { readonly config: BackendConfig; readonly isForced: boolean } | undefined;
}

interface Draft {
  readonly texts: Readonly<Record<string, string>>;
  readonly options: Options;
  dictionary: string | undefined;
  workDir: string | undefined;
  backendType: string;
  backendConfig: string;
  isForced: boolean;
}

interface DriverKey {
  readonly name: string;
  /** The current name of a key of which this is an old one. */
  readonly now?: string;
  readonly help: string;
  /** True for a text that nothing shows. */
  readonly isSecret?: boolean;
  /** Throws an error whose message follows the key. */
  readonly set: (draft: Draft, text: string) => void;
}

/** Go's `strconv.ParseBool`. */
export function goBoolean(text: string): boolean {
  if (['1', 't', 'T', 'TRUE', 'true', 'True'].includes(text)) return true;
  if (['0', 'f', 'F', 'FALSE', 'false', 'False'].includes(text)) return false;
  throw new Error(`should be true or false, not "${text}"`);
}

function flag(name: string, help: string, set: (options: Options, on: boolean) => void): DriverKey {
  return {
    name,
    help,
    set: ({ options }, text) => {
      set(options, goBoolean(text));
    },
  };
}

function bytes(text: string): number {
  return wholeNumber(text) ?? parseSize(text);
}

const fsVersion: DriverKey['set'] = ({ options }, text) => {
  if (text !== '5' && text !== '6') throw new Error(`should be 5 or 6, not "${text}"`);
  options.fsVersion = text === '5' ? 5 : 6;
};

const compressor: DriverKey['set'] = ({ options }, text) => {
  const names = CODECS.filter(({ isWritten }) => isWritten).map(({ name }) => name);
  const name = names.find((one) => one === text);
  if (name === undefined) throw new Error(`should be one of ${names.join(', ')}, not "${text}"`);
  options.compressor = name as NonNullable<Options['compressor']>; // one of the codecs that are written
};

/** A key of upstream that conversions cannot do here. It stops the start unless it is empty or off. */
function unsupported(name: string, what: string): DriverKey {
  return {
    name,
    help: `not supported: ${what}`,
    set: (_, text) => {
      if (
        text !== '' &&
        text !== '{}' &&
        !(['0', 'f', 'false'] as readonly string[]).includes(text.toLowerCase())
      )
        throw new Error(`is not supported${UNSUPPORTED}: ${what}`);
    },
  };
}

export const DRIVER_KEYS: readonly DriverKey[] = [
  {
    name: 'work_dir',
    help: "folder for the temporary files of conversions, in place of the service's own",
    set: (draft, text) => {
      draft.workDir = text === '' ? undefined : text;
    },
  },
  { name: 'builder', help: 'no effect: no second binary is needed', set: () => undefined },
  { name: 'fs_version', help: 'version of RAFS: 5 or 6; 6 by default', set: fsVersion },
  { name: 'rafs_version', now: 'fs_version', help: 'older name of `fs_version`', set: fsVersion },
  { name: 'compressor', help: 'codec of the chunks; zstd by default', set: compressor },
  { name: 'rafs_compressor', now: 'compressor', help: 'older name of `compressor`', set: compressor },
  {
    name: 'chunk_dict_ref',
    help: 'a Nydus image whose chunks are not stored again',
    set: (draft, text) => {
      draft.dictionary = text === '' ? undefined : text;
    },
  },
  flag('merge_manifest', 'make one index of the original and the Nydus image', (options, on) => {
    options.mergePlatform = on;
  }),
  flag(
    'oci_ref',
    'leave chunks in the original layers; means `fs_version` 6 and `docker2oci`',
    (options, on) => {
      options.ociRef = on ? 'zran' : 'off';
    },
  ),
  flag('with_referrer', 'name the original as the subject of the Nydus manifest', (options, on) => {
    options.withReferrer = on;
  }),
  flag('docker2oci', 'write OCI media types for Docker images', (options, on) => {
    options.oci = on;
  }),
  flag('fs_align_chunk', 'with `fs_version` 5: start chunks at multiples of 4096', (options, on) => {
    options.alignChunks = on;
  }),
  {
    name: 'fs_chunk_size',
    help: 'bytes of a chunk, such as 0x100000',
    set: ({ options }, text) => {
      options.chunkSize = bytes(text);
    },
  },
  {
    name: 'batch_size',
    help: 'bytes of small files that are compressed together; 0 for none',
    set: ({ options }, text) => {
      options.batchSize = bytes(text);
    },
  },
  {
    name: 'prefetch_patterns',
    help: 'paths that clients load first, one a line',
    set: ({ options }, text) => {
      const patterns = upstreamPatterns(text)?.filter(({ path }) => path.startsWith('/'));
      if (patterns !== undefined) options.prefetch = patterns;
    },
  },
  {
    name: 'backend_type',
    help: `where blobs go in place of the registry: ${BACKEND_TYPES.join(', ')}`,
    set: (draft, text) => {
      draft.backendType = text;
    },
  },
  {
    name: 'backend_config',
    help: 'settings of that place, as JSON',
    isSecret: true,
    set: (draft, text) => {
      draft.backendConfig = text;
    },
  },
  {
    name: 'backend_force_push',
    help: 'send blobs that the backend has already, too',
    set: (draft, text) => {
      draft.isForced = goBoolean(text);
    },
  },
  unsupported('encrypt_recipients', 'blobs are not encrypted'),
];

export interface DriverFindings {
  readonly faults: string[];
  readonly warnings: string[];
}

/** Reads a driver's options; `key` names the map in findings. */
export function driverSettings(
  given: ReadonlyMap<string, string>,
  key: string,
  { faults, warnings }: DriverFindings,
): DriverSettings {
  const draft: Draft = {
    texts: Object.fromEntries(given),
    options: {},
    dictionary: undefined,
    workDir: undefined,
    backendType: '',
    backendConfig: '',
    isForced: false,
  };
  const names = DRIVER_KEYS.map(({ name }) => name);
  // An old name counts only where the new one is not given.
  const old = DRIVER_KEYS.filter(({ now }) => now !== undefined && given.has(now)).map(({ name }) => name);
  for (const [name, text] of given) {
    const known = DRIVER_KEYS.find((one) => one.name === name);
    if (known === undefined) {
      const near = nearestWord(name, names);
      const hint = near === undefined ? '' : `; did you mean ${key}.${near}?`;
      warnings.push(`${key}.${name} is not known and has no effect${hint}`);
      continue;
    }
    if (old.includes(name)) continue;
    try {
      known.set(draft, text);
    } catch (error) {
      faults.push(`${key}.${name} ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  const { options } = draft;
  if (options.ociRef === 'zran') {
    if (options.fsVersion === 5)
      warnings.push(`${key}.oci_ref means RAFS version 6, in place of fs_version 5`);
    options.fsVersion = 6;
    options.oci = true;
  }
  if (options.alignChunks === true && (options.fsVersion ?? FORMAT_DEFAULTS.fsVersion) !== 5)
    options.alignChunks = false;
  try {
    convertOptions(options);
  } catch (error) {
    if (!(error instanceof NydusError)) throw error;
    faults.push(`${key}: ${error.message}`);
  }
  return {
    texts: draft.texts,
    options,
    dictionary: draft.dictionary,
    workDir: draft.workDir,
    backend: backendOf(draft, key, faults),
  };
}

/** Half a backend stops the start: upstream passes over it, and the blobs go where nobody expects them. */
function backendOf(
  { backendType, backendConfig, isForced, options }: Draft,
  key: string,
  faults: string[],
): DriverSettings['backend'] {
  if (backendType === '' && backendConfig === '') {
    if (isForced) faults.push(`${key}.backend_force_push needs backend_type and backend_config`);
    return undefined;
  }
  if (backendType === '' || backendConfig === '') {
    const [there, missing] =
      backendType === '' ? ['backend_config', 'backend_type'] : ['backend_type', 'backend_config'];
    faults.push(`${key}.${there} needs ${missing}`);
    return undefined;
  }
  if (options.ociRef === 'zran')
    faults.push(`${key}.backend_type conflicts with oci_ref, which leaves chunks in the original layers`);
  try {
    const config = parseBackendConfig(backendType, backendConfig);
    if (config.type === 's3' && !isSdkInstalled())
      faults.push(`${key}.backend_type is not supported here${UNSUPPORTED}: ${S3_NEEDS_SDK}`);
    return { config, isForced };
  } catch (error) {
    if (!(error instanceof NydusError)) throw error;
    faults.push(`${key}: ${error.message}`);
    return undefined;
  }
}
