/** `--print-config`: the value of each flag, and where it comes from. */
import { withoutUserInfo } from '../../oci/user-info.js';
import type { CliContext } from '../context.js';
import type { FileSettings, Flag, FlagValues, Origin } from '../flags/flags.js';
import { table } from '../text/columns.js';
import { printJson, printLines } from '../text/print.js';
import { defaultPath } from './find.js';

export interface PrintedConfig {
  readonly name: string;
  readonly flags: readonly Flag[];
  readonly values: FlagValues;
  readonly file: FileSettings | undefined;
}

const HIDDEN = 'REDACTED';

export async function printConfig(config: PrintedConfig, context: CliContext): Promise<void> {
  if (config.values.isOn('json')) printJson(context.stdout, document(config), 2);
  else await printLines(context.stdout, lines(config, context));
}

/** One flag of the document. */
interface PrintedFlag {
  readonly name: string;
  /** Null for a flag without a value. */
  readonly value: string | boolean | null;
  readonly from: Origin['kind'] | 'not set';
  readonly variable?: string;
  readonly file?: string;
  readonly line?: number;
  readonly table?: string;
}

function document({ name, flags, values, file }: PrintedConfig): object {
  return {
    schemaVersion: 1,
    command: name,
    file: file?.path ?? null,
    profile: file?.profile ?? null,
    flags: shown(flags, values).map((flag) => printedFlag(flag, values)),
    registries: file?.registries ?? {},
  };
}

function printedFlag(flag: Flag, values: FlagValues): PrintedFlag {
  const origin = values.originOf(flag.name);
  const head = {
    name: flag.name,
    value: valueOf(flag, values) ?? null,
    from: origin?.kind ?? ('not set' as const),
  };
  if (origin?.kind === 'variable') return { ...head, variable: origin.name };
  if (origin?.kind !== 'file') return head;
  return { ...head, file: origin.path, line: origin.line, table: origin.table };
}

function* lines({ name, flags, values, file }: PrintedConfig, { env }: CliContext): Generator<string> {
  const profile = file?.profile === undefined ? '' : `, profile ${file.profile}`;
  const where =
    file === undefined
      ? `no configuration file (${defaultPath(env) ?? 'there is no home folder'})`
      : `${file.path}${profile}`;
  yield `nydusify ${name}: ${where}`;
  yield* table(
    shown(flags, values).map((flag) => [
      flag.name,
      oneLine(valueOf(flag, values)),
      placeOf(values.originOf(flag.name)),
    ]),
    new Set([0, 1, 2]),
  );
  for (const [registry, { plainHttp, insecure, ca = [], mirrors = [] }] of Object.entries(
    values.registries,
  )) {
    const parts = [
      ...(plainHttp === true ? ['plain-http'] : []),
      ...(insecure === true ? ['insecure'] : []),
      ...ca.map((path) => `ca ${path}`),
      ...mirrors.map((url) => `mirror ${url}`),
    ];
    yield `registry ${registry}: ${parts.length === 0 ? 'nothing' : parts.join(', ')}`;
  }
}

/** Flags that change nothing are shown where they are given. */
function shown(flags: readonly Flag[], values: FlagValues): readonly Flag[] {
  return flags.filter(
    ({ name, hidden }) => name !== 'print-config' && (hidden !== true || values.isGiven(name)),
  );
}

function valueOf({ name, type, secret }: Flag, values: FlagValues): string | boolean | undefined {
  if (type === 'boolean') return values.choice(name);
  const text = values.text(name);
  if (text === undefined) return undefined;
  return secret === true ? HIDDEN : withoutUserInfo(text);
}

function oneLine(value: string | boolean | undefined): string {
  return value === undefined ? '-' : String(value).replaceAll('\n', ', ');
}

function placeOf(origin: Origin | undefined): string {
  switch (origin?.kind) {
    case undefined:
      return 'not set';
    case 'variable':
      return `$${origin.name}`;
    case 'file':
      return `${origin.path}:${origin.line}${origin.table === '' ? '' : ` [${origin.table}]`}`;
    case 'command line':
    case 'default':
      return origin.kind;
  }
}
