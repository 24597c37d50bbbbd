/** docs/traps.md: mistakes that converters and registries made, and the test of ours about each. */
import { markdownTable } from '../../test/support/markdown-table.js';
import type { NamedTest } from './named-test.js';

interface Trap {
  readonly happened: string;
  readonly test: NamedTest;
}

const TRAPS = 'test/golden/traps.test.ts';
const ODD = 'test/golden/odd.test.ts';
const OVERLAY = 'test/unit/merge/overlay.test.ts';
const LAYER_TREE = 'test/unit/merge/layer-tree.test.ts';
const MERGE_INDEX = 'test/unit/convert/merge-index.test.ts';
const CONVERT = 'test/unit/convert/convert.test.ts';
const TOKENS = 'test/unit/registry/auth/authenticator.test.ts';

const AREAS: Readonly<Record<string, readonly Trap[]>> = {
  'Layers and the merged tree': [
    trap(
      'The reference builder reads layer tars without honouring opaque markers in some places: files that an upper layer hides come back.',
      OVERLAY,
      'an opaque marker hides lower layers, and keeps what its own layer adds before and after it',
    ),
    trap(
      'A symlink of an upper layer replaced a directory, whose children stayed in the tree and made a builder panic.',
      OVERLAY,
      'an entry that replaces a directory leaves nothing of the directory behind',
    ),
    trap(
      'A builder refused hard links to anything but a regular file, which ordinary images contain.',
      LAYER_TREE,
      'a hard link to a symlink, a fifo or a device is another name of the same inode',
    ),
    trap(
      'Hard links were lost when layers were merged, because the merger knew files by inode number.',
      OVERLAY,
      'hard links in three directories survive a merge',
    ),
    trap(
      'Two layers numbered their inodes alike, and their separate hard links were taken for one file.',
      OVERLAY,
      'equal hard links of two layers are two inodes',
    ),
    trap(
      'Names of one inode were given different inode numbers and places.',
      'test/second-opinion/blobs.test.ts',
      'hard links share one inode in the merged tree, whatever number its blob has',
    ),
    trap(
      'A later entry overwrote the target of a hard link in the same tar, and the link followed the new file.',
      LAYER_TREE,
      'a hard link keeps the inode that its target named at that moment',
    ),
    trap(
      'Layers without files, or without any entry, broke tables of the bootstrap or vanished from the manifest.',
      OVERLAY,
      'an empty layer changes nothing, whether first, in the middle or last',
    ),
    trap(
      'An image listed one layer digest twice, since two build steps gave the same bytes, and the assembly of the image failed.',
      CONVERT,
      'a layer listed twice is packed once, stored once, and listed twice',
    ),
    trap(
      'The reference builder makes a parent directory that the tar does not list, and then goes on in another directory: files are lost, whiteouts remove the wrong names.',
      LAYER_TREE,
      'a parent directory without an entry is made where the path says',
    ),
    trap(
      'A layer without an entry for the root, or for a directory, reset mode, owner and time of the directory below.',
      OVERLAY,
      'a directory without an entry, the root included, keeps the attributes of the lower layer',
    ),
    trap(
      'Whiteout files of the lowest layer stayed in the image as empty files.',
      OVERLAY,
      'whiteouts of the lowest layer, and AUFS files of any layer, are left out',
    ),
    trap(
      'A whiteout stored as a hard link to a lower file was taken for a hard link, and the image was refused.',
      'test/e2e/whiteouts.test.ts',
      'a name alone makes a whiteout: converted and ordinary images have the names that umoci unpacks',
    ),
  ],
  'Tar entries': [
    trap(
      'A file above 4 GiB overflowed the 32 bits of an offset.',
      TRAPS,
      'a sparse file of more than 4 GiB keeps every offset',
    ),
    trap(
      'Builders panicked over xattrs that are not UTF-8, counted names in characters instead of bytes, or failed on unknown prefixes.',
      TRAPS,
      'xattr names and values are bytes; a value that cannot be stored is left out with a warning',
    ),
    trap(
      'Access lists made a build fail, and capabilities in PAX headers were lost, so that `ping` stopped working.',
      TRAPS,
      'POSIX access lists and file capabilities survive',
    ),
    trap(
      'A reader expected `.` and `..` as the first two names of a directory; names such as `!a` or `+x` sort before them.',
      TRAPS,
      'names that sort before "." come first, and every directory has ".."',
    ),
    trap(
      'Directories that fill a block, and long symlinks, were written to the wrong place.',
      TRAPS,
      'directories and symlinks of about one block read back whole',
    ),
    trap(
      'A builder tested for the wrong file type, and device numbers above one byte were cut.',
      TRAPS,
      'fifos, and devices with numbers above 255, keep their type and numbers',
    ),
    trap(
      'A value with a line break in a PAX header ended the header early and failed the build.',
      ODD,
      "'pax-path-newline'",
    ),
    trap(
      'A fifo whose device fields are blank, as many writers leave them, stopped the reference builder.',
      ODD,
      "'fifo-without-numbers'",
    ),
    trap(
      'Directories of the oldest tar format became files, as their type is a NUL byte.',
      ODD,
      "'old-v7-dir'",
    ),
    trap('Device numbers that RAFS cannot hold were cut without a word.', ODD, "'device-major-4096'"),
    trap(
      'Names such as `../x` escaped from the folder into which a layer was unpacked.',
      ODD,
      "'dotdot-only'",
    ),
    trap(
      'A tar was read only to its end marker; the unread rest blocked the pipe or falsified the digest.',
      TRAPS,
      'padding and junk after the end of an archive are read through, and zero blocks inside it do not end it',
    ),
  ],
  'Bootstraps and blobs': [
    trap(
      'Random order of hash tables, garbage in padding and unsorted xattrs gave new digests at each run.',
      TRAPS,
      'a layer gives the same bytes at every run, in whatever order its xattrs come',
    ),
    trap(
      'The number of worker threads decided where chunks were cut, and so changed the digest.',
      'test/golden/dedup-image.test.ts',
      'an image has the same bytes with any number of threads',
    ),
    trap(
      'The super block of a merged image named another chunk size than its blobs, and the daemon panicked.',
      TRAPS,
      'super block and blob table name the same chunk size, also when it is not the default',
    ),
    trap(
      'The manifest listed other blobs than the bootstrap refers to.',
      'test/e2e/check.test.ts',
      'a manifest that lists another blob, or lacks one, is found',
    ),
    trap(
      'A damaged table of contents was believed, whatever size it claimed.',
      'test/unit/rafs-builder/blob/toc.test.ts',
      'a table of contents larger than its blob, or with a partial entry, is refused',
    ),
    trap(
      'Chunk records were missing from the bootstrap layer, so that every mount fetched them from the registry.',
      'test/unit/convert/bootstrap-layer.test.ts',
      'the bootstrap layer holds the bootstrap and a blob.meta file for each blob with chunks, without times and owners',
    ),
    trap(
      'A tool crashed over a truncated or damaged blob instead of naming the damage.',
      'test/unit/native/native.test.ts',
      'the verifier names chunks that are damaged, and no others',
    ),
    trap(
      'A new chunk flag made older daemons refuse the image.',
      TRAPS,
      'an image sets only flags that nydusd 2.2 knows',
    ),
    trap(
      'Optimising an image broke hard links, because the blob of one name was another one, and a symlink in the list of files ended it.',
      'test/e2e/optimize.test.ts',
      'the listed files are in a blob of their own, in the order of the list, and nothing else changes',
    ),
  ],
  'Manifests, configs and indexes': [
    trap(
      'A Docker source without a platform gave index entries without one, which registries refuse.',
      MERGE_INDEX,
      'a single Docker image gets its platform from its config, and keeps Docker types in an OCI index',
    ),
    trap(
      'A registry answered 405 to index entries with `os.features`, and the tool hid the answer.',
      'test/unit/registry/distribution/manifests.test.ts',
      'a registry that refuses an index entry is quoted in the error',
    ),
    trap(
      'A registry refused a `subject` with a platform in it.',
      'test/unit/convert/referrer.test.ts',
      'the subject is the source manifest, by media type, digest and size alone',
    ),
    trap(
      'Clients without Nydus unpacked both manifests of a merged index, since nothing in the config distinguished them.',
      MERGE_INDEX,
      'the Nydus half of a merged index, and no other Nydus image, has a config type of its own',
    ),
    trap(
      'The OCI half shared its layer chain with the source image, and containerd mixed up their snapshots.',
      'test/unit/oci/empty-layer.test.ts',
      'the OCI half of a merged index starts with an empty layer, and its config lists that layer',
    ),
    trap(
      'A merged image that was converted again listed its Nydus manifests twice.',
      'test/e2e/convert.test.ts',
      'converting the result again gives the same digest, also onto itself',
    ),
    trap(
      'A history shorter than the list of layers broke Docker tools.',
      'test/unit/oci/config-edit.test.ts',
      'history has one entry for each layer, even when the source has fewer',
    ),
    trap(
      'An OCI source was given Docker media types, and a flag for OCI types worked the other way round.',
      CONVERT,
      'Docker images keep Docker types, with --oci they do not, and OCI images never get them',
    ),
    trap(
      'A tool pulled all platforms although one was asked for.',
      'test/e2e/convert.test.ts',
      'blobs of unselected platforms are not fetched, and each layer of the selected ones is fetched once',
    ),
    trap(
      'The media type of a layer named another compression than its bytes have.',
      CONVERT,
      'the compression of a layer is read from its bytes, and a wrong diffID stops the conversion',
    ),
    trap(
      'A Docker manifest in an OCI index made one containerd release fetch all layers of the OCI half.',
      MERGE_INDEX,
      'a Docker list becomes an OCI index whose source images stay as they are',
    ),
    trap(
      'BuildKit lists attestations as images of an unknown platform, and converters failed on them.',
      CONVERT,
      'attestations are not converted: they are left out with a warning, or kept on request',
    ),
    trap(
      'Manifests without `mediaType`, as umoci writes them, gave descriptors with an empty type.',
      'test/unit/oci/manifest.test.ts',
      'the kind of a manifest without mediaType follows from its fields',
    ),
    trap(
      'A config was decoded and encoded again, and fields that the program did not know were lost.',
      'test/unit/oci/config-edit.test.ts',
      'unknown fields at every level and numbers that no double holds survive byte for byte',
    ),
    trap(
      'A merged index lacked its own `mediaType`, which strict registries want.',
      MERGE_INDEX,
      'a merged index states its own media type',
    ),
    trap(
      'Signatures of the source image do not cover the changed OCI half of a merged index.',
      MERGE_INDEX,
      'without isolation the source manifest keeps its bytes, and a warning names the risk',
    ),
  ],
  'Registries, files and processes': [
    trap(
      'Tokens expired in the middle of a push, and many requests renewed them at once.',
      TOKENS,
      'many requests that are refused with the same token fetch one new token',
    ),
    trap(
      'A token server named its field `access_token`, and the client looked for `token` alone.',
      TOKENS,
      'the token may be in the field token or access_token',
    ),
    trap(
      'Credentials went along with a redirect to another host.',
      'test/unit/registry/distribution/client.test.ts',
      'a redirect to another origin carries no credentials, a redirect to the same origin does',
    ),
    trap(
      'A retry sent the rest of a stream that the first attempt had consumed.',
      'test/unit/registry/upload/push.test.ts',
      'a failed upload starts again with the content opened anew',
    ),
    trap(
      'A short read from a server was taken for the end of the content.',
      'test/unit/registry/distribution/download.test.ts',
      'a range is delivered in full and no further, however the server cuts its answers',
    ),
    trap(
      'A helper process failed to start, and its caller waited at the pipe for ever.',
      'native/core/src/pipeline/tests.rs',
      'a_panic_in_any_thread_is_an_internal_error_and_the_next_layer_continues',
    ),
    trap(
      "A tool removed the work folder at its end, with the user's own files in it.",
      'test/unit/io/scratch.test.ts',
      'an existing work folder is kept with all its files',
    ),
    trap(
      'A check crashed on images of one layer, or of so many that the mount options grew too long.',
      'test/e2e/check.test.ts',
      'an image of one layer, of 127 layers, of an empty layer and of no file at all has no finding',
    ),
    trap(
      'The retry over plain HTTP covered one host, so that a check between two plain registries failed.',
      'test/e2e/registry.test.ts',
      'source and target are two plain HTTP registries on loopback, without any flag',
    ),
  ],
};

function trap(happened: string, file: string, words: string): Trap {
  return { happened, test: { file, words } };
}

/** The tests that the page names. */
export const TRAP_TESTS: readonly NamedTest[] = Object.values(AREAS)
  .flat()
  .map(({ test }) => test);

export function trapsPage(): string {
  const sections = Object.entries(AREAS).map(([title, traps]) => {
    const rows = traps.map(({ happened, test }) => [happened, `\`${test.file}\`: ${test.words}`]);
    return `## ${title}\n\n${markdownTable(['what happened', 'the test of ours'], rows)}`;
  });
  return [HEAD, ...sections, ''].join('\n\n');
}

const HEAD = `<!-- Written by tools/docs/main.ts from tools/docs/traps.ts. Do not edit: npm run docs. -->

# Traps

Mistakes that converters, builders and registries made, as their histories and our own experiments show them. Each could be made again, so each has a
test of ours, and \`npm run docs -- --check\` fails when such a test is renamed without this page.`;
