/** Judges what a power failure has left: skopeo reads it, our `check` reads it, and the next run is to complete it. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readdir, readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { checkImage } from '../../../src/check/check.js';
import { NydusError } from '../../../src/errors.js';
import { openSource } from '../../../src/registry/open.js';
import { tryRun } from '../run-tool.js';
import { convertHere, open, OTHER_TAG, type Scenario, sourceOf, targetOn } from './cut-scenarios.js';

/** What the tag names. */
export type Tag = 'nothing' | 'the older image' | 'the image';

export interface Verdict {
  readonly tag: Tag;
  /** Promises that were broken; none, if all is well. */
  readonly faults: readonly string[];
}

/** The digests that tags may name. */
export interface Expected {
  readonly image: string;
  readonly older: string;
}

/** Equal for disks that hold the same files with the same content, whatever the random names of incomplete files are. */
export async function contentKey(folder: string): Promise<string> {
  const lines: string[] = [];
  for (const name of await readdir(folder, { recursive: true })) {
    const path = join(folder, name);
    if (name.startsWith('lost+found') || !(await stat(path)).isFile()) continue;
    const hash = createHash('sha256');
    await pipeline(createReadStream(path), hash);
    lines.push(`${name.replace(/(\.part-|nydusify-)[^/]*/g, '$1')} ${hash.digest('hex')}`);
  }
  return lines.sort().join('\n');
}

/** Judges the disk that is mounted at `folder`, and lets the next run write to it. `spare` is a path for copies. */
export async function judgeDisk(
  scenario: Scenario,
  { folder, sources, spare }: { readonly folder: string; readonly sources: string; readonly spare: string },
  { image, older }: Expected,
): Promise<Verdict> {
  const target = targetOn(scenario, folder);
  const faults: string[] = [];
  const found = await digestOf(target);
  const tag = found === image ? 'the image' : found === older ? 'the older image' : 'nothing';
  if (found === undefined) {
    if (await isListed(scenario, folder)) faults.push('skopeo finds no image, and the tag is there');
    if (scenario.before === 'older') faults.push('the older image is gone');
    if ((await checked(target)) !== 'none') faults.push('check finds an image where skopeo finds none');
  } else {
    if (tag === 'nothing') faults.push(`the tag names ${found}`);
    faults.push(...(await whole(target, spare)));
  }
  const others = scenario.before === 'older' && scenario.place === 'layout';
  const other = targetOn(scenario, folder, OTHER_TAG);
  if (others) faults.push(...(await whole(other, spare)).map((fault) => `the other tag: ${fault}`));
  try {
    const made = await convertHere(sourceOf(scenario, sources), target, scenario);
    if (made !== image) faults.push(`the next run gave ${made}`);
  } catch (cause) {
    faults.push(`the next run failed: ${String(cause)}`);
  }
  faults.push(...(await whole(target, spare)).map((fault) => `after the next run: ${fault}`));
  const left = (await readdir(folder, { recursive: true })).filter((name) =>
    /(^|\/)(\.part-|nydusify-|\.nydusify)/.test(name),
  );
  faults.push(...left.map((name) => `the next run left ${name}`));
  return { tag, faults };
}

/** The digest of what a tag names, as skopeo reads it. */
async function digestOf(location: string): Promise<string | undefined> {
  const { status, stdout } = await tryRun('skopeo', ['inspect', '--raw', location]);
  return status === 0 ? `sha256:${createHash('sha256').update(stdout).digest('hex')}` : undefined;
}

/** True when the place has a tag of the scenario, whatever that is worth. */
async function isListed({ place }: Scenario, folder: string): Promise<boolean> {
  const path = join(folder, place === 'layout' ? 'deep/layout/index.json' : 'archive.tar');
  const bytes = await readFile(path).catch(() => undefined);
  return bytes !== undefined && (place === 'archive' || bytes.length === 0 || bytes.includes('"1"'));
}

/** The faults of an image that is to be whole: skopeo copies all of it, which digests it, and `check` judges it. */
async function whole(location: string, spare: string): Promise<string[]> {
  const faults: string[] = [];
  const { status, stderr } = await tryRun('skopeo', ['copy', '--all', '-q', location, `dir:${spare}`]);
  await rm(spare, { recursive: true, force: true });
  if (status !== 0) faults.push(`skopeo: ${stderr.slice(-200)}`);
  const said = await checked(location);
  if (said !== 'good') faults.push(`check: ${said}`);
  return faults;
}

/** `good`; `none` where there is no such image; or what is wrong. */
async function checked(location: string): Promise<string> {
  await using target = openSource(location, open);
  try {
    const { verdict, findings } = await checkImage({ target });
    return verdict === 'good' ? verdict : findings.map(({ message }) => message).join('; ');
  } catch (cause) {
    const isAbsent =
      cause instanceof NydusError && /no OCI layout|no such|lists no|has no/.test(cause.message);
    return isAbsent ? 'none' : String(cause);
  }
}
