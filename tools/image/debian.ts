/**
 * Packages of Debian for any processor, from the sources that this machine's apt knows and by the keys that it trusts, but with lists of their
 * own: what the machine has installed, and for which processor, plays no part.
 */
import { spawnSync, type SpawnSyncReturns } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { projectRoot } from '../../test/support/project.js';
import type { Architecture } from './architectures.js';
import type { Locked } from './lock.js';

const FOLDER = join(projectRoot, '.cache', 'image', 'debian');

/** The newest versions of packages, from fresh lists. */
export function newestPackages(architecture: Architecture, names: readonly string[]): readonly Locked[] {
  const apt = new Apt(architecture);
  apt.update();
  return names.map((name) => {
    const said = apt.ask('apt-cache', 'show', '--no-all-versions', name);
    const field = (key: string): string => new RegExp(`^${key}: (.*)$`, 'm').exec(said)?.[1] ?? '';
    return { kind: 'debian', name, version: field('Version'), architecture, sha256: field('SHA256') };
  });
}

/** Returns the paths of packages, in the order of `locked`; those that are not here yet are downloaded. */
export function fetchPackages(architecture: Architecture, locked: readonly Locked[]): readonly string[] {
  const apt = new Apt(architecture);
  const absent = locked.filter((one) => !existsSync(pathOf(one)));
  if (absent.length > 0) {
    apt.update();
    for (const one of absent) apt.download(one);
  }
  return locked.map(pathOf);
}

function pathOf({ name, sha256 }: Locked): string {
  return join(FOLDER, `${name}-${sha256}.deb`);
}

class Apt {
  readonly #options: readonly string[];
  readonly #folder: string;

  constructor({ debian }: Architecture) {
    this.#folder = join(FOLDER, debian);
    const at = (...names: readonly string[]): string => join(this.#folder, ...names);
    for (const name of ['lists/partial', 'cache/archives/partial', 'download'])
      mkdirSync(at(name), { recursive: true });
    writeFileSync(at('status'), '');
    const settings = {
      'APT::Architecture': debian,
      'APT::Architectures': debian,
      // A user of its own, to which apt changes as root, may not write into our folder.
      'APT::Sandbox::User': '',
      'Acquire::Languages': 'none',
      'Dir::State': this.#folder,
      'Dir::State::status': at('status'),
      'Dir::Cache': at('cache'),
    };
    this.#options = Object.entries(settings).flatMap(([key, value]) => ['-o', `${key}=${value}`]);
  }

  update(): void {
    this.ask('apt-get', 'update', '-qq');
  }

  download(locked: Locked): void {
    const { name, version, architecture, sha256 } = locked;
    const folder = join(this.#folder, 'download');
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder);
    const { status, stderr } = this.#call('apt-get', 'download', '-qq', `${name}=${version}`);
    if (status !== 0)
      throw new Error(
        `${name} ${version} for ${architecture.debian} is not in the sources of this machine's apt. The image needs those of Debian 12; if Debian has a newer version, npm run image -- --update puts that into tools/image/lock.txt. ${stderr.trim()}`,
      );
    const [file = ''] = readdirSync(folder);
    const bytes = readFileSync(join(folder, file));
    if (sha256 !== createHash('sha256').update(bytes).digest('hex'))
      throw new Error(`${file} is not the file that tools/image/lock.txt names`);
    writeFileSync(pathOf(locked), bytes);
  }

  ask(command: string, ...args: readonly string[]): string {
    const { status, stdout, stderr, error } = this.#call(command, ...args);
    if (status !== 0) throw new Error(`${command} ${args.join(' ')}: ${error?.message ?? stderr.trim()}`);
    return stdout;
  }

  #call(command: string, ...args: readonly string[]): SpawnSyncReturns<string> {
    return spawnSync(command, [...this.#options, ...args], {
      cwd: join(this.#folder, 'download'),
      encoding: 'utf8',
    });
  }
}
