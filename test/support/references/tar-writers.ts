/** Programs that write tars, each in its formats, and a tree for them to write. */
import { chmod, chown, link, mkdir, readFile, symlink, utimes, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { noise } from '../images/opaque-image.js';
import { runTool } from '../run-tool.js';

export interface TarWriter {
  readonly program: string;
  readonly format: string;
  /** Commands that it needs. */
  readonly needs: readonly string[];
  /** True: it cannot write names of more than 100 bytes. */
  readonly isShort?: boolean;
  readonly write: (tree: string, tar: string) => Promise<unknown>;
}

/** Makes files, folders and links with the attributes that writers treat differently. */
export async function writeTree(folder: string, isShort: boolean): Promise<void> {
  const put = async (path: string, content: Uint8Array | string, mode = 0o644): Promise<void> => {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), content);
    await chmod(join(folder, path), mode);
    await utimes(join(folder, path), 1_600_000_000, 1_600_000_000 + path.length + 0.123456);
  };
  for (let i = 0; i < 30; i++) await put(`usr/lib/d${i % 4}/file${i}`, noise(i * 37, i + 1));
  await put('usr/bin/program', noise(1_200_000, 3), 0o4755);
  await put('etc/a name with spaces', 'x');
  await put('etc/nämé', 'y', 0o600);
  await put('.hidden', '');
  await put('var/zeros', Buffer.alloc(300_000));
  await mkdir(join(folder, 'var/empty'), { mode: 0o700 });
  await symlink('../usr/bin/program', join(folder, 'etc/link'));
  await link(join(folder, 'usr/lib/d1/file1'), join(folder, 'usr/lib/d2/other'));
  await link(join(folder, 'usr/lib/d1/file1'), join(folder, 'a'));
  if (!isShort) {
    await put(`${'long'.repeat(20)}/${'name'.repeat(18)}/file`, 'z');
    await put(`deep/${'f'.repeat(180)}`, 'z');
    await symlink('t'.repeat(150), join(folder, 'deep/link'));
  }
  if (process.getuid?.() === 0) await chown(join(folder, 'etc/nämé'), 1000, 100);
}

const gnu = (format: string, args: readonly string[], isShort = false): TarWriter => ({
  program: 'GNU tar',
  format,
  needs: ['tar'],
  isShort,
  write: (tree, tar) => runTool('tar', ['-cf', tar, ...args, '-C', tree, '.']),
});

/** Pax records only where ustar does not hold a value. */
const BSD_DEFAULT = 'restricted pax';

const bsd = (format: string, isShort = false): TarWriter => ({
  program: 'bsdtar',
  format,
  needs: ['bsdtar'],
  isShort,
  write: (tree, tar) =>
    runTool('bsdtar', ['-cf', tar, ...(format === BSD_DEFAULT ? [] : ['--format', format]), '-C', tree, '.']),
});

const python = (format: string, isShort = false): TarWriter => ({
  program: 'Python tarfile',
  format,
  needs: ['python3'],
  isShort,
  write: (tree, tar) =>
    runTool('python3', [
      '-c',
      `import sys, tarfile\nwith tarfile.open(sys.argv[2], 'w', format=tarfile.${format}_FORMAT) as t: t.add(sys.argv[1], arcname='')`,
      tree,
      tar,
    ]),
});

/** As builders of images write layers: `filepath.Walk`, `FileInfoHeader`, one format for all entries. */
const GO_PROGRAM = `package main
import ("archive/tar"; "io"; "io/fs"; "os"; "path/filepath")
func must(err error) { if err != nil { panic(err) } }
func main() {
  root := os.Args[1]
  out, err := os.Create(os.Args[2]); must(err)
  format := map[string]tar.Format{"USTAR": tar.FormatUSTAR, "PAX": tar.FormatPAX, "GNU": tar.FormatGNU, "any": tar.FormatUnknown}[os.Args[3]]
  w := tar.NewWriter(out)
  must(filepath.Walk(root, func(path string, info fs.FileInfo, err error) error {
    must(err)
    name, _ := filepath.Rel(root, path)
    target := ""
    if info.Mode()&fs.ModeSymlink != 0 { target, _ = os.Readlink(path) }
    h, err := tar.FileInfoHeader(info, target); must(err)
    h.Name = name
    if info.IsDir() { h.Name += "/" }
    h.Format = format
    if format != tar.FormatPAX { h.ModTime = h.ModTime.Truncate(1000000000) }
    if err := w.WriteHeader(h); err != nil { h.Format = tar.FormatUnknown; must(w.WriteHeader(h)) }
    if info.Mode().IsRegular() { f, err := os.Open(path); must(err); _, err = io.Copy(w, f); must(err); f.Close() }
    return nil
  }))
  must(w.Close())
}
`;

const go = (format: string, isShort = false): TarWriter => ({
  program: 'Go archive/tar',
  format,
  needs: ['go'],
  isShort,
  write: async (tree, tar) => {
    const source = join(dirname(tar), 'main.go');
    await writeFile(source, GO_PROGRAM);
    await runTool('go', ['run', source, tree, tar, format], {
      env: { GOFLAGS: '-mod=mod', GO111MODULE: 'off' },
    });
  },
});

export const TAR_WRITERS: readonly TarWriter[] = [
  gnu('v7', ['--format=v7'], true),
  gnu('oldgnu', ['--format=oldgnu']),
  gnu('gnu', ['--format=gnu']),
  gnu('ustar', ['--format=ustar'], true),
  gnu('posix', ['--format=posix']),
  gnu('gnu, reproducible', [
    '--sort=name',
    '--owner=0',
    '--group=0',
    '--numeric-owner',
    '--mtime=@0',
    '--format=gnu',
  ]),
  gnu('posix, without times of access', ['--format=posix', '--pax-option=delete=atime,delete=ctime']),
  gnu('gnu, sparse', ['--format=gnu', '--sparse', '--hole-detection=raw']),
  gnu('posix, sparse 0.0', ['--format=posix', '--sparse-version=0.0', '--sparse', '--hole-detection=raw']),
  gnu('posix, sparse 0.1', ['--format=posix', '--sparse-version=0.1', '--sparse', '--hole-detection=raw']),
  gnu('posix, sparse 1.0', ['--format=posix', '--sparse-version=1.0', '--sparse', '--hole-detection=raw']),
  {
    program: 'GNU tar',
    format: 'gnu, with files appended again',
    needs: ['tar'],
    write: async (tree, tar) => {
      await runTool('tar', ['-cf', tar, '-C', tree, '.']);
      await runTool('tar', ['-rf', tar, '-C', tree, './usr', 'etc']);
    },
  },
  bsd('v7', true),
  bsd('ustar', true),
  bsd('gnutar'),
  bsd('pax'),
  bsd(BSD_DEFAULT),
  {
    program: 'busybox tar',
    format: 'gnu',
    needs: ['busybox'],
    write: (tree, tar) => runTool('busybox', ['tar', '-cf', tar, '-C', tree, '.']),
  },
  ...['tar', 'ustar'].map((format) => ({
    program: 'cpio',
    format,
    needs: ['cpio', 'find'],
    isShort: true,
    write: (tree: string, tar: string) =>
      runTool('bash', ['-c', `find . -depth | cpio -o -H ${format} -O "$0" 2>/dev/null`, tar], { cwd: tree }),
  })),
  {
    program: 'pax',
    format: 'ustar',
    needs: ['pax'],
    isShort: true,
    write: (tree, tar) => runTool('pax', ['-w', '-x', 'ustar', '-f', tar, '.'], { cwd: tree }),
  },
  python('USTAR', true),
  python('GNU'),
  python('PAX'),
  go('USTAR', true),
  go('PAX'),
  go('GNU'),
  go('any'),
  {
    program: 'npm pack',
    format: 'pax',
    needs: ['npm'],
    write: async (tree, tar) => {
      await writeFile(join(tree, 'package.json'), '{"name":"x","version":"1.0.0"}');
      const folder = dirname(tar);
      await runTool('npm', ['pack', '--silent', '--pack-destination', folder, tree], { cwd: folder });
      await writeFile(tar, gunzipSync(await readFile(join(folder, 'x-1.0.0.tgz'))));
    },
  },
  {
    program: 'git archive',
    format: 'pax',
    needs: ['git'],
    write: async (tree, tar) => {
      const git = (...args: readonly string[]): Promise<Buffer> =>
        runTool('git', [
          '-C',
          tree,
          '-c',
          'user.name=x',
          '-c',
          'user.email=x@y',
          '-c',
          'init.defaultBranch=x',
          ...args,
        ]);
      await git('init', '-q');
      await git('add', '-A');
      await git('commit', '-qm', 'x');
      await git('archive', '--format=tar', '-o', tar, 'HEAD');
    },
  },
  {
    program: 'perl Archive::Tar',
    format: 'ustar',
    needs: ['perl'],
    isShort: true,
    write: (tree, tar) =>
      runTool(
        'bash',
        [
          '-c',
          'find . | perl -MArchive::Tar -e \'chomp(my @f = <STDIN>); Archive::Tar->create_archive($ARGV[0], 0, @f) or die\' "$0"',
          tar,
        ],
        { cwd: tree },
      ),
  },
];
