/** The flags for storage backends, with upstream's names and texts; and what they ask for. */
import { BACKEND_TYPES, type BackendType } from '../../backend/backend.js';
import { UsageError } from '../../errors.js';
import type { Flag, FlagValues } from './flags.js';

const GROUP = 'Storage backend:';

/** Of the image that is written or looked at, of the source, or of the image that `check` judges. */
export type BackendSide = '' | 'source-' | 'target-';

/** `use` completes the sentence "the blobs lie in this kind of storage". */
export function backendFlags(side: BackendSide, use: string): readonly Flag[] {
  return [
    {
      name: `${side}backend-type`,
      type: 'string',
      value: 'kind',
      choices: BACKEND_TYPES,
      env: 'BACKEND_TYPE',
      group: GROUP,
      help: use,
    },
    {
      name: `${side}backend-config`,
      type: 'string',
      value: 'json',
      env: 'BACKEND_CONFIG',
      group: GROUP,
      secret: true,
      help: 'its settings as JSON; the same name with -file behind it takes a file, which keeps keys out of the list of processes',
    },
    {
      name: `${side}backend-config-file`,
      type: 'string',
      value: 'file',
      env: 'BACKEND_CONFIG_FILE',
      group: GROUP,
      help: 'its settings, in a file',
      // The name is too long for a column of the help.
      hidden: side !== '',
    },
  ];
}

export const FORCE_PUSH: Flag = {
  name: 'backend-force-push',
  type: 'boolean',
  env: 'BACKEND_FORCE_PUSH',
  group: GROUP,
  help: 'send blobs that the backend has already, too',
};

/** A backend as flags name it. */
export interface BackendPlace {
  readonly type: BackendType;
  /** The JSON text, or the file that holds it. */
  readonly config: { readonly text: string } | { readonly file: string };
}

/** Undefined without a type: then upstream passes over the settings. Throws UsageError. */
export function backendOf(flags: FlagValues, side: BackendSide): BackendPlace | undefined {
  const type = flags.oneOf(`${side}backend-type`, BACKEND_TYPES);
  if (type === undefined) return undefined;
  const text = flags.text(`${side}backend-config`);
  const file = flags.text(`${side}backend-config-file`);
  if (text !== undefined && file !== undefined)
    throw new UsageError(`--${side}backend-config conflicts with --${side}backend-config-file`);
  if (file !== undefined) return { type, config: { file } };
  if (text !== undefined) return { type, config: { text } };
  throw new UsageError(`backend configuration is empty, please specify option '--${side}backend-config'`);
}

/** Notes about settings of a backend that no flag names. */
export function idleBackendNotes(flags: FlagValues, side: BackendSide): readonly string[] {
  const owner = `${side}backend-type`;
  if (flags.text(owner) !== undefined) return [];
  const parts = [
    `${side}backend-config`,
    `${side}backend-config-file`,
    ...(side === '' ? [FORCE_PUSH.name] : []),
  ];
  return parts
    .filter((name) => flags.isOn(name) || flags.text(name) !== undefined)
    .map((name) => `--${name} has no effect without --${owner}`);
}
