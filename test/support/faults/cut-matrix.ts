/**
 * The matrix of power failures: the real command writes to a disk, which is copied at many moments of the run without having
 * anything written to it for the sake of the copy. Each copy is mounted as after a start of the machine, and judged.
 */
import { spawn } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { mkdtemp, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { productCommand } from '../project.js';
import { removeFolder } from '../temp-folder.js';
import { contentKey, type Expected, judgeDisk, type Verdict } from './cut-judge.js';
import {
  argumentsFor,
  convertHere,
  OTHER_TAG,
  putSources,
  type Scenario,
  SCENARIOS,
  sourceOf,
  targetOn,
} from './cut-scenarios.js';
import { copyDisk, type DiskKind, DISKS, makeDisk, missingFor, MountedDisk } from './loop-disk.js';

/** All power failures of one scenario on one kind of disk. */
export interface CutCell {
  readonly disk: string;
  readonly scenario: string;
  /** The reason why nothing was tried. */
  readonly skipped?: string;
  /** One for each moment. */
  readonly verdicts: readonly Verdict[];
  /** Moments after which different files were there. */
  readonly different: number;
}

/** Copies of one run, most of which are made while it writes. */
const COPIES_PER_RUN = 40;
/** Copies after its end, while the file system, which writes once a second, still has something to write. */
const COPIES_AFTER = 4;
const PAUSE_AFTER_MS = 600;

/** A module for Node with which nothing that a run synchronises reaches the disk. */
const NO_SYNC = `data:text/javascript,${encodeURIComponent(`
  import { open } from 'node:fs/promises';
  const file = await open('/dev/null');
  const nothing = async () => undefined;
  Object.assign(Object.getPrototypeOf(file), { sync: nothing, datasync: nothing });
  await file.close();
`)}`;

export interface CutOptions {
  readonly disks?: readonly DiskKind[];
  readonly scenarios?: readonly Scenario[];
  readonly moments: number;
  /** True: runs synchronise nothing, so that promises are broken if this matrix is worth anything. */
  readonly isControl?: boolean;
}

export async function runPowerCuts(
  { disks = DISKS, scenarios = SCENARIOS, moments, isControl = false }: CutOptions,
  progress: (cell: CutCell) => void = () => undefined,
): Promise<readonly CutCell[]> {
  const folder = await mkdtemp(join(tmpdir(), 'nydusify-cut-'));
  // The kernel writes to the file of a disk, and nothing waits for a disk below it.
  const memory = existsSync('/dev/shm') ? '/dev/shm' : tmpdir();
  const shop = await mkdtemp(join(memory, 'nydusify-cut-'));
  try {
    const sources = join(folder, 'sources');
    await putSources(sources);
    const cells: CutCell[] = [];
    for (const disk of disks) {
      const lab = new CutLab(disk, shop, folder, { sources, isControl });
      for (const scenario of scenarios) {
        const names = { disk: disk.name, scenario: scenario.name };
        const skipped = missingFor(disk);
        const cell =
          skipped === undefined
            ? { ...names, ...(await lab.run(scenario, moments)) }
            : { ...names, skipped, verdicts: [], different: 0 };
        cells.push(cell);
        progress(cell);
      }
    }
    return cells;
  } finally {
    await removeFolder(shop);
    await removeFolder(folder);
  }
}

class CutLab {
  readonly #kind: DiskKind;
  readonly #shop: string;
  readonly #folder: string;
  readonly #sources: string;
  readonly #isControl: boolean;
  /** A disk that a cut has left with blobs and without a tag. */
  #cutDisk: string | undefined;

  /** `shop` has room for disks, `folder` for files. */
  constructor(
    kind: DiskKind,
    shop: string,
    folder: string,
    { sources, isControl }: { readonly sources: string; readonly isControl: boolean },
  ) {
    this.#kind = kind;
    this.#shop = shop;
    this.#folder = folder;
    this.#sources = sources;
    this.#isControl = isControl;
  }

  async run(scenario: Scenario, moments: number): Promise<Pick<CutCell, 'verdicts' | 'different'>> {
    const first = await this.#prepare(scenario);
    const expected = await this.#expect(scenario);
    const seen = new Map<string, Verdict>();
    const verdicts: Verdict[] = [];
    const length = await this.#lengthOf(scenario, first);
    const runs = Math.ceil(moments / COPIES_PER_RUN);
    for (let run = 0; verdicts.length < moments; run++) {
      const count = Math.min(COPIES_PER_RUN, moments - verdicts.length);
      const step = length / Math.max(1, count - COPIES_AFTER);
      for (const copy of await this.#copies(scenario, first, count, step, (run % runs) / runs)) {
        verdicts.push(await this.#judge(scenario, copy, expected, seen));
        await rm(copy, { force: true });
      }
    }
    await rm(first);
    return { verdicts, different: seen.size };
  }

  /** The disk with which every run begins. */
  async #prepare(scenario: Scenario): Promise<string> {
    const image = join(this.#shop, 'first');
    if (scenario.before === 'cut') {
      if (this.#cutDisk === undefined) throw new Error('no conversion was cut before');
      await rename(this.#cutDisk, image);
      this.#cutDisk = undefined;
      return image;
    }
    await makeDisk(this.#kind, image);
    if (scenario.before === 'older') {
      await using disk = await this.#mount(image);
      await this.#convertOlder(scenario, disk.folder);
    }
    return image;
  }

  async #convertOlder(scenario: Scenario, folder: string): Promise<string> {
    const old = `oci:${this.#sources}:old`;
    if (scenario.place === 'layout') await convertHere(old, targetOn(scenario, folder, OTHER_TAG), scenario);
    return convertHere(old, targetOn(scenario, folder), scenario);
  }

  /** The digests of images that are converted where no power fails. */
  async #expect(scenario: Scenario): Promise<Expected> {
    const place = await mkdtemp(join(this.#folder, 'plain-'));
    const older = await this.#convertOlder(scenario, place);
    const target = targetOn(scenario, place);
    return { older, image: await convertHere(sourceOf(scenario, this.#sources), target, scenario) };
  }

  /** Milliseconds from the first change to the end of a run that is not stopped. */
  async #lengthOf(scenario: Scenario, first: string): Promise<number> {
    const image = join(this.#shop, 'disk');
    await copyDisk(first, image);
    await using disk = await this.#mount(image);
    const run = this.#start(scenario, disk.folder);
    await firstChange(disk.folder, run);
    const since = performance.now();
    await run.ended;
    return performance.now() - since;
  }

  /** Runs the command once, and stops it `count` times to copy the disk. `offset` is a part of `step`. */
  async #copies(
    scenario: Scenario,
    first: string,
    count: number,
    step: number,
    offset: number,
  ): Promise<readonly string[]> {
    const image = join(this.#shop, 'disk');
    await copyDisk(first, image);
    await using disk = await this.#mount(image);
    const copies: string[] = [];
    const copy = async (): Promise<void> => {
      const path = join(this.#shop, `copy-${copies.length}`);
      await disk.copyTo(path);
      copies.push(path);
    };
    const run = this.#start(scenario, disk.folder);
    await firstChange(disk.folder, run);
    await sleep(offset * step);
    while (run.isRunning() && copies.length < count - COPIES_AFTER) {
      run.signal('SIGSTOP');
      await copy();
      run.signal('SIGCONT');
      await sleep(step);
    }
    await run.ended;
    for (let after = 0; after < COPIES_AFTER && copies.length < count; after++) {
      await copy();
      await sleep(PAUSE_AFTER_MS);
    }
    return copies;
  }

  async #judge(
    scenario: Scenario,
    copy: string,
    expected: Expected,
    seen: Map<string, Verdict>,
  ): Promise<Verdict> {
    const untouched = join(this.#shop, 'untouched');
    await copyDisk(copy, untouched);
    let disk;
    try {
      disk = await this.#mount(copy);
    } catch (cause) {
      return { tag: 'nothing', faults: [`the disk cannot be mounted: ${String(cause)}`] };
    }
    await using mounted = disk;
    const key = await contentKey(mounted.folder);
    const known = seen.get(key);
    if (known !== undefined) return known;
    const places = { folder: mounted.folder, sources: this.#sources, spare: join(this.#folder, 'spare') };
    const verdict = await judgeDisk(scenario, places, expected);
    seen.set(key, verdict);
    if (verdict.tag === 'nothing' && /blobs\/sha256\//.test(key)) {
      this.#cutDisk = join(this.#shop, 'cut');
      await rename(untouched, this.#cutDisk);
    }
    return verdict;
  }

  #mount(image: string): Promise<MountedDisk> {
    return MountedDisk.mount(this.#kind, image, join(this.#folder, 'mounted'));
  }

  #start(scenario: Scenario, folder: string): Run {
    const args = argumentsFor(scenario, this.#sources, folder);
    const node = this.#isControl ? ['--import', NO_SYNC] : [];
    const child = spawn(process.execPath, [...node, productCommand, ...args], {
      cwd: this.#folder,
      env: { PATH: process.env['PATH'], HOME: '/nonexistent', TMPDIR: this.#folder },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    let said = '';
    let isRunning = true;
    child.stderr.on('data', (bytes: Buffer) => {
      said += bytes.toString('utf8');
    });
    const ended = new Promise<void>((resolve, reject) => {
      child.on('error', reject);
      child.on('close', (status) => {
        isRunning = false;
        if (status === 0) resolve();
        else reject(new Error(`the conversion ended with ${String(status)}: ${said}`));
      });
    });
    ended.catch(() => undefined); // the failure is thrown where `ended` is awaited
    return { ended, isRunning: () => isRunning, signal: (name) => child.kill(name) };
  }
}

interface Run {
  readonly ended: Promise<void>;
  readonly isRunning: () => boolean;
  readonly signal: (name: NodeJS.Signals) => void;
}

/** Resolves when the run has made a file or folder, or has ended. */
async function firstChange(folder: string, run: Run): Promise<void> {
  const list = (): string => readdirSync(folder, { recursive: true }).join();
  const before = list();
  while (run.isRunning() && list() === before) await sleep(1);
}
