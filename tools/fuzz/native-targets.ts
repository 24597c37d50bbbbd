/**
 * Targets in Rust (native/fuzz), which libFuzzer runs: counters that the compiler puts into the code show it which inputs reach
 * more. The compiler that builds the addon serves, since it has the flags for counters, too.
 */
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { corpusLine, keepInputs, keptInputs } from '../../test/support/fuzz/corpus.js';
import { nativeSeeds } from '../../test/support/fuzz/native-seeds.js';
import { projectRoot } from '../../test/support/project.js';
import type { Report } from './report.js';

const CRATE = join(projectRoot, 'native', 'fuzz');
/** The names in native/fuzz/targets, by those in counts.txt. */
const TARGETS: ReadonlyMap<string, string> = new Map([
  ['layers by coverage', 'layer'],
  ['members of gzip, zstd and xz', 'members'],
  ['archives at once and in pieces', 'tar'],
  ['bootstraps of v5', 'bootstrap-v5'],
  ['bootstraps of v6', 'bootstrap-v6'],
  ['bootstraps and their layers', 'tree'],
  ['sections and chunk tables', 'blob'],
  ['codecs', 'codec'],
  ['chunks verified', 'verify'],
  ['chunks in layers', 'contexts'],
  ['layers packed', 'pack'],
]);
const COVERAGE = [
  '--cfg=fuzzing',
  '-Cpasses=sancov-module',
  ...['level=4', 'inline-8bit-counters', 'pc-table', 'trace-compares'].map(
    (feature) => `-Cllvm-args=-sanitizer-coverage-${feature}`,
  ),
];
/** Bytes; no seed is larger. */
const MAX_INPUT = 64 * 1024;
/** Seconds. An input that takes longer is run again alone. */
const SLOW = 2;
/** Seconds after which libFuzzer gives up, far more than a loaded machine needs. */
const HANGS = 60;
const ROOM = { inputs: 1000, lineBytes: 5464, bytes: 24 * 1024 };

export function nativeTargetNames(): readonly string[] {
  return [...TARGETS.keys()];
}

/** Builds the fuzzer, and returns its path. */
export function buildFuzzer(): string {
  const host = /^host: (.*)$/m.exec(spawnSync('cargo', ['-vV'], { encoding: 'utf8' }).stdout)?.[1] ?? '';
  // With a target, cargo builds its own helpers without the flags.
  const args = ['build', '--release', '--locked', '--manifest-path', join(CRATE, 'Cargo.toml')];
  const { status } = spawnSync('cargo', [...args, '--target', host], {
    env: { ...process.env, CARGO_ENCODED_RUSTFLAGS: COVERAGE.join('\x1f') },
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  if (status !== 0) throw new Error('the fuzzer cannot be built');
  return join(CRATE, 'target', host, 'release', 'fuzz');
}

/** Runs a target of the fuzzer. `keep` of its report is valid until `folder` is removed. */
export async function runNativeTarget(
  program: string,
  folder: string,
  {
    name,
    milliseconds,
    seed,
  }: { readonly name: string; readonly milliseconds: number; readonly seed: number },
): Promise<Report> {
  const target = TARGETS.get(name);
  if (target === undefined) throw new Error(`there is no target ${name}`);
  const run = new NativeRun(program, target, await mkdtemp(join(folder, 'target-')));
  return { name, ...(await run.run(milliseconds, seed)) };
}

class NativeRun {
  readonly #program: string;
  readonly #target: string;
  /** The folders of inputs that are kept, of seeds, of inputs that the run finds, and of those that are faults. */
  readonly #folders: Readonly<Record<'kept' | 'seeds' | 'found' | 'faults', string>>;

  constructor(program: string, target: string, folder: string) {
    this.#program = program;
    this.#target = target;
    const at = (name: string): string => join(folder, name);
    this.#folders = { kept: at('kept'), seeds: at('seeds'), found: at('found'), faults: at('faults') };
  }

  async run(milliseconds: number, seed: number): Promise<Omit<Report, 'name'>> {
    const { kept, seeds, found, faults } = this.#folders;
    for (const folder of Object.values(this.#folders)) await mkdir(folder);
    await fill(kept, await keptInputs(this.#corpus()));
    await fill(seeds, await nativeSeeds(this.#target));
    const seconds = Math.max(1, Math.round(milliseconds / 1000));
    const output = await this.#call([
      ...[`-seed=${seed}`, `-max_total_time=${seconds}`, `-max_len=${MAX_INPUT}`, '-print_final_stats=1'],
      ...[`-timeout=${HANGS}`, `-report_slow_units=${SLOW}`, `-artifact_prefix=${faults}/`],
      ...[found, kept, seeds],
    ]);
    const executions = Number(/number_of_executed_units: (\d+)/.exec(output)?.[1] ?? 0);
    const wrong = await this.#confirmed();
    if (executions === 0 && wrong.length === 0)
      wrong.push({ input: '', reason: `the fuzzer ended early: ${output.slice(-2000)}` });
    return {
      executions,
      faults: wrong,
      found: (await readdir(found)).length,
      keep: () => this.#keep(),
    };
  }

  /** Merging finds the smallest inputs that reach more than those that are kept. */
  async #keep(): Promise<void> {
    const { kept, seeds, found } = this.#folders;
    const before = new Set(await readdir(kept));
    await this.#call(['-merge=1', kept, seeds, found]);
    const added = (await readdir(kept)).filter((name) => !before.has(name));
    const inputs = await Promise.all(added.map((name) => readFile(join(kept, name))));
    await keepInputs(this.#corpus(), inputs, ROOM);
  }

  /** Inputs that end the program, or take long whenever they run alone. */
  async #confirmed(): Promise<{ input: string; reason: string }[]> {
    const wrong = [];
    for (const name of await readdir(this.#folders.faults)) {
      const path = join(this.#folders.faults, name);
      const reason = await this.#faultOf(path);
      if (reason !== undefined) wrong.push({ input: corpusLine(await readFile(path)), reason });
    }
    return wrong;
  }

  async #faultOf(path: string): Promise<string | undefined> {
    let milliseconds = 0;
    // On a machine with other work anything may take long now and then, but not as often as this.
    for (let tries = 0; tries < 5; tries++) {
      const output = await this.#call([`-timeout=${HANGS}`, path]);
      const [, took] = /^Executed .* in (\d+) ms$/m.exec(output) ?? [];
      if (took === undefined)
        return /panicked at[\s\S]{0,500}|ERROR: libFuzzer.*/.exec(output)?.[0] ?? output;
      milliseconds = Number(took);
      if (milliseconds <= SLOW * 1000) return undefined;
    }
    return `took ${milliseconds} ms`;
  }

  #corpus(): string {
    return join(CRATE, 'corpora', `${this.#target}.txt`);
  }

  /** Runs the program; returns what it has printed. */
  async #call(args: readonly string[]): Promise<string> {
    const child = spawn(this.#program, args, {
      env: { ...process.env, NYDUS_FUZZ: this.#target },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    let output = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      output = (output + text).slice(-64 * 1024);
    });
    await new Promise((resolve) => child.on('close', resolve));
    return output;
  }
}

async function fill(folder: string, inputs: readonly Buffer[]): Promise<void> {
  for (const input of inputs)
    await writeFile(join(folder, createHash('sha1').update(input).digest('hex')), input);
}
