/** The version of the package. A test compares it with package.json, so that the library need not read a file. */
export const VERSION = '0.1.0';

/** Upstream writes what its builder prints after `Version:`, which starts with a `v`; ours says whose version it is as well. */
export const BUILDER_VERSION = `v${VERSION}-nydusify-ts`;
