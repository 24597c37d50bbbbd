/**
 * `--hook FILE`: a module with the functions `beforePushManifest` and `afterPushManifest`, or a program that is run with these names as
 * its argument. Both get what upstream's hook plugin gets, and the platform and digest of the manifest; a program as JSON on
 * standard input.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { extname, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { HookedImage, PublishHooks } from '../convert/hooks.js';
import { HookError, UsageError } from '../errors.js';
import { openScratch, type Scratch } from '../io/scratch.js';
import { digestHex } from '../oci/digest.js';
import type { CliContext } from './context.js';
import { printMessage } from './text/print.js';
import { printableJson } from './text/printable.js';

type Moment = 'beforePushManifest' | 'afterPushManifest';

/** The members of upstream's `hook.Info` (contrib/nydusify/pkg/hook/hook.go), then ours. */
interface HookInfo {
  readonly bootstrap_path: string;
  readonly source_ref: string;
  readonly target_ref: string;
  readonly blobs: readonly { readonly id: string; readonly size: number }[];
  readonly platform: string;
  readonly manifest: string;
}

type Call = (moment: Moment, info: HookInfo) => Promise<void>;

/** Files that Node loads; any other is run. */
const MODULES = new Set(['.mjs', '.js', '.cjs']);
/** Characters of a program's output that are shown. */
const SHOWN = 4000;

export class Hooks implements PublishHooks, AsyncDisposable {
  readonly #call: Call;
  readonly #scratch: Scratch;
  readonly #bootstraps = new Map<string, string>();

  private constructor(call: Call, scratch: Scratch) {
    this.#call = call;
    this.#scratch = scratch;
  }

  /** Throws UsageError for a module that cannot be loaded, or that has neither function. */
  static async open(file: string, workDir: string | undefined, context: CliContext): Promise<Hooks> {
    const path = resolve(file);
    const call = MODULES.has(extname(path)) ? await moduleCall(path) : programCall(path, context);
    return new Hooks(call, await openScratch(workDir ?? tmpdir()));
  }

  readonly beforePush = async (image: HookedImage, bootstrap: Uint8Array): Promise<void> => {
    const path = this.#scratch.file('bootstrap');
    await writeFile(path, bootstrap);
    this.#bootstraps.set(image.manifest.digest, path);
    await this.#call('beforePushManifest', this.#infoOf(image));
  };

  readonly afterPush = async (image: HookedImage): Promise<void> => {
    await this.#call('afterPushManifest', this.#infoOf(image));
  };

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#scratch[Symbol.asyncDispose]();
  }

  #infoOf({ platform, source, target, manifest, blobs }: HookedImage): HookInfo {
    return {
      bootstrap_path: this.#bootstraps.get(manifest.digest) ?? '',
      source_ref: source,
      target_ref: target,
      blobs: blobs.map(({ digest, size }) => ({ id: digestHex(digest), size })),
      platform,
      manifest: manifest.digest,
    };
  }
}

async function moduleCall(path: string): Promise<Call> {
  if (!existsSync(path)) throw new UsageError(`the hook ${path} is not there`);
  let functions: Readonly<Record<string, unknown>>;
  try {
    functions = (await import(pathToFileURL(path).href)) as Readonly<Record<string, unknown>>; // a module's namespace
  } catch (cause) {
    throw new UsageError(`the hook ${path} cannot be loaded: ${messageOf(cause)}`, { cause });
  }
  const isKnown = (name: Moment): boolean => typeof functions[name] === 'function';
  if (!isKnown('beforePushManifest') && !isKnown('afterPushManifest'))
    throw new UsageError(`the hook ${path} exports neither beforePushManifest nor afterPushManifest`);
  return async (moment, info) => {
    const hook = functions[moment];
    if (typeof hook !== 'function') return;
    // Node ends a process in which nothing but a promise is left, and would end the run in silence.
    const alive = setInterval(() => undefined, 60_000);
    try {
      await (hook as (given: HookInfo) => unknown)(info); // checked above; whatever it takes, it gets this
    } catch (cause) {
      throw new HookError(`${moment} of ${path}: ${messageOf(cause)}`, { cause });
    } finally {
      clearInterval(alive);
    }
  };
}

function programCall(path: string, context: CliContext): Call {
  return async (moment, info) => {
    const { signal } = context;
    const child = spawn(path, [moment], { stdio: ['pipe', 'pipe', 'pipe'], signal });
    let said = '';
    const hear = (bytes: Buffer): void => {
      if (said.length < SHOWN) said += bytes.toString('utf8');
    };
    child.stdout.on('data', hear);
    child.stderr.on('data', hear);
    child.stdin.on('error', () => undefined); // a hook need not read
    child.stdin.end(`${printableJson(info)}\n`);
    let status: number | null;
    try {
      [status] = (await once(child, 'close')) as [number | null];
    } catch (cause) {
      signal.throwIfAborted();
      throw new HookError(`the hook ${path} cannot be run: ${messageOf(cause)}`, { cause });
    }
    for (const line of said
      .slice(0, SHOWN)
      .split('\n')
      .filter((text) => text !== ''))
      printMessage(context, `hook: ${line}`);
    signal.throwIfAborted();
    if (status !== 0) throw new HookError(`${moment} of ${path} ended with ${status ?? 'a signal'}`);
  };
}

function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
