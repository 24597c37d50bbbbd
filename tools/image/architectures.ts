/** The processors that the image is made for, in the words of each party. */

export interface Architecture {
  /** The package of the addon. */
  readonly addon: string;
  /** The word of Node and npm. */
  readonly node: 'x64' | 'arm64';
  /** The word of Debian, and of OCI. */
  readonly debian: 'amd64' | 'arm64';
  /** The folder of libraries. */
  readonly triplet: string;
  /** The path at which programs look for the loader. */
  readonly loader: string;
}

export const ARCHITECTURES: readonly Architecture[] = [
  {
    addon: 'linux-x64-gnu',
    node: 'x64',
    debian: 'amd64',
    triplet: 'x86_64-linux-gnu',
    loader: 'lib64/ld-linux-x86-64.so.2',
  },
  {
    addon: 'linux-arm64-gnu',
    node: 'arm64',
    debian: 'arm64',
    triplet: 'aarch64-linux-gnu',
    loader: 'lib/ld-linux-aarch64.so.1',
  },
];
