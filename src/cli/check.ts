/** `nydusify check`: flags in, `checkImage`, findings out. Exit 0 when nothing is wrong, 1 when something is. */
import { mkdir, writeFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { type Command } from 'commander';
import { checkImage, type CheckResult } from '../check/check.js';
import { formatFinding, type Finding } from '../check/finding.js';
import { LocalIoError, UsageError } from '../errors.js';
import { displayName } from '../oci/raw-name.js';
import { parsePlatforms } from '../oci/platform.js';
import { openSource, type OpenOptions } from '../registry/open.js';
import { type ImageSource } from '../registry/store.js';
import { type ConvertEvent } from '../reporter.js';
import { type CliContext } from './context.js';
import { openOptions } from './environment.js';
import { addFlags, readFlags, requireFlags, type Flag, type FlagValues } from './flags.js';
import { REGISTRY_FLAGS, registryFlags, transferOptions } from './registry-flags.js';
import { formatBytes, plural } from './units.js';

const IMAGES = 'Images:';
const OUTPUT = 'Output:';
const ACCEPTED = 'Accepted without effect:';

const BACKEND_FLAGS: readonly Flag[] = ['source', 'target'].flatMap((side) =>
  (
    [
      ['type', 'BACKEND_TYPE'],
      ['config', 'BACKEND_CONFIG'],
      ['config-file', 'BACKEND_CONFIG_FILE'],
    ] as const
  ).map(([name, env]): Flag => ({
    name: `${side}-backend-${name}`,
    type: 'string',
    env,
    group: ACCEPTED,
    hidden: true,
    help: 'not supported yet',
  })),
);

/** What upstream needs and this does not. */
const ACCEPTED_FLAGS: readonly (Flag & { readonly note: string })[] = [
  {
    name: 'multi-platform',
    type: 'boolean',
    env: 'MULTI_PLATFORM',
    group: ACCEPTED,
    help: 'every platform is checked anyway',
    note: 'every platform of the target is checked anyway',
  },
  {
    name: 'nydus-image',
    type: 'string',
    value: 'path',
    env: 'NYDUS_IMAGE',
    group: ACCEPTED,
    help: 'no second binary is needed',
    note: 'no second binary is needed',
  },
  {
    name: 'nydusd',
    type: 'string',
    value: 'path',
    env: 'NYDUSD',
    group: ACCEPTED,
    help: 'nothing is mounted',
    note: 'nothing is mounted',
  },
];

/** All flags of `check`, in the order of its help. */
export const CHECK_FLAGS: readonly Flag[] = [
  {
    name: 'target',
    type: 'string',
    value: 'image',
    env: 'TARGET',
    group: IMAGES,
    help: 'Nydus image to check',
  },
  {
    name: 'source',
    type: 'string',
    value: 'image',
    env: 'SOURCE',
    group: IMAGES,
    help: 'image that it was made from: every file is compared',
  },
  {
    name: 'platform',
    type: 'string',
    value: 'list',
    group: IMAGES,
    help: 'os/arch[/variant], or a comma list of them; default: every platform of the target',
  },
  ...REGISTRY_FLAGS,
  { name: 'json', type: 'boolean', group: OUTPUT, help: 'print the result as JSON' },
  {
    name: 'work-dir',
    type: 'string',
    value: 'path',
    env: 'WORK_DIR',
    group: OUTPUT,
    help: 'write manifests, configs and unpacked bootstraps there; what was in it stays',
  },
  {
    name: 'threads',
    type: 'string',
    value: 'n',
    group: OUTPUT,
    help: 'threads that decode; default: one a core',
  },
  ...ACCEPTED_FLAGS,
  ...BACKEND_FLAGS,
];

const EXAMPLES = `
Examples:
  nydusify check registry.example.org/app:nydus
      manifest, bootstrap and every chunk of every platform
  nydusify check registry.example.org/app:nydus registry.example.org/app:1.0
      and the whole filesystem, file by file, against the image that it was made from
  nydusify check --json --target app:nydus | jq '.findings[].id'
`;

/** Findings of one kind and platform that are shown; the rest is counted. */
const SHOWN = 50;

export function addCheckCommand(program: Command, context: CliContext): void {
  const command = program
    .command('check')
    .summary('verify a Nydus image, without root, mount or daemon')
    .description(
      'Verifies a Nydus image: manifest, config, bootstrap and the digest of every chunk, and with a source the whole\n' +
        'filesystem. Every platform and both halves of a merged index are looked at. Exit status 1 says that faults were found.',
    )
    .argument('[target]', 'Nydus image to check, as --target')
    .argument('[source]', 'image that it was made from, as --source')
    .addHelpText('after', EXAMPLES);
  addFlags(command, CHECK_FLAGS);
  command.action(async (target: string | undefined, source: string | undefined) => {
    await runCheck(readFlags(command, CHECK_FLAGS, context.env), { target, source }, context);
  });
}

interface Positional {
  readonly target: string | undefined;
  readonly source: string | undefined;
}

async function runCheck(flags: FlagValues, positional: Positional, context: CliContext): Promise<void> {
  const location = locationOf(flags, 'target', positional.target);
  if (location === undefined) requireFlags(['target']);
  const sourceLocation = locationOf(flags, 'source', positional.source);
  refuseBackends(flags);
  const json = flags.isOn('json');
  const say = (line: string): unknown => (json ? undefined : context.stderr.write(`${line}\n`));
  for (const { name, note } of ACCEPTED_FLAGS)
    if (flags.isGiven(name)) say(`note: --${name} has no effect: ${note}`);

  const transfer = transferOptions(flags);
  await using target = openSource(location ?? '', {
    ...(await openOptions(context.env, registryFlags(flags, 'target'), { transfer })),
    side: 'target',
  });
  await using source = openOptional(
    sourceLocation,
    await openOptions(context.env, registryFlags(flags, 'source'), { transfer }),
  );
  const platform = flags.text('platform');
  const workDir = flags.text('work-dir');
  const result = await checkImage(
    target,
    source,
    {
      ...(platform === undefined ? {} : { platforms: parsePlatforms(platform) }),
      threads: flags.number('threads') ?? availableParallelism(),
      ...(workDir === undefined ? {} : { keep: (path, bytes) => keep(join(workDir, path), bytes) }),
    },
    { signal: context.signal, reporter: { emit: (event) => say(eventLine(event)) } },
  );
  context.stdout.write(json ? `${JSON.stringify(jsonOf(result), null, 2)}\n` : render(result));
  if (result.verdict === 'bad') context.exitCode = 1;
}

function locationOf(
  flags: FlagValues,
  name: 'target' | 'source',
  positional: string | undefined,
): string | undefined {
  const flag = flags.text(name);
  if (positional === undefined || flag === undefined || positional === flag) return positional ?? flag;
  throw new UsageError(`the ${name} is given twice: "${positional}" and --${name} "${flag}"`);
}

function refuseBackends(flags: FlagValues): void {
  for (const { name, env } of BACKEND_FLAGS) {
    if (flags.text(name) === undefined) continue;
    throw new UsageError(`--${name} is not supported yet: blobs are read from the registry`, {
      hint: `leave it out; it can also come from the environment variable ${env ?? ''}`,
    });
  }
}

function openOptional(location: string | undefined, options: OpenOptions): ImageSource | undefined {
  return location === undefined ? undefined : openSource(location, options);
}

async function keep(path: string, bytes: Uint8Array): Promise<void> {
  try {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, bytes);
  } catch (cause) {
    throw new LocalIoError(`cannot write ${path}`, { cause, hint: 'give another folder with --work-dir' });
  }
}

function eventLine(event: ConvertEvent): string {
  switch (event.type) {
    case 'step':
      return event.message;
    case 'warning':
      return `warning: ${event.message}`;
    case 'retry':
      return `${event.what}: trying again in ${Math.round(event.delayMs)} ms (attempt ${event.attempt})`;
    case 'resolved':
    case 'image.start':
    case 'layer.progress':
    case 'layer.done':
    case 'image.stages':
      return event.type; // not emitted by a check
  }
}

function render(result: CheckResult): string {
  const lines = [...findingLines(result.findings)];
  for (const { platform, layers, blobBytes, oci, compared } of result.platforms) {
    const what = [
      `${plural(layers, 'layer')}, ${formatBytes(blobBytes)} of blobs`,
      oci === undefined ? undefined : 'both halves',
      compared ? 'filesystem compared with the source' : undefined,
    ].filter((part) => part !== undefined);
    lines.push(`${platform}: ${what.join(', ')}`);
  }
  const errors = result.findings.filter(({ severity }) => severity === 'error').length;
  const warnings = result.findings.length - errors;
  const counts = `${plural(errors, 'error')}, ${plural(warnings, 'warning')}`;
  lines.push(`${result.verdict}: ${result.target}@${result.root.digest}: ${counts}`);
  return `${lines.join('\n')}\n`;
}

function* findingLines(findings: readonly Finding[]): Generator<string> {
  const shown = new Map<string, number>();
  const key = (found: Finding): string =>
    `${found.id} ${found.where.platform ?? ''} ${found.where.half ?? ''}`;
  for (const found of findings) {
    const before = shown.get(key(found)) ?? 0;
    shown.set(key(found), before + 1);
    if (before >= SHOWN) continue;
    yield formatFinding(found);
    if (before === 0 && found.hint !== undefined) yield `         hint: ${found.hint}`;
  }
  for (const [what, total] of shown) {
    if (total > SHOWN) yield `… and ${total - SHOWN} more of ${what.trim()}; --json lists them all`;
  }
}

/** For machines; paths as a person would read them. */
function jsonOf(result: CheckResult): unknown {
  return {
    ...result,
    findings: result.findings.map((found) => ({
      ...found,
      where: {
        ...found.where,
        ...(found.where.path === undefined ? {} : { path: `/${displayName(found.where.path)}` }),
      },
    })),
  };
}
