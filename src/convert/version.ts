/** The version of the package. A test compares it with package.json, so the library need not read that file. */
export const VERSION = '0.2.0';

/** Upstream records the `Version:` line of its builder, which starts with `v`; our text also names this project. */
export const BUILDER_VERSION = `v${VERSION}-nydusify-ts`;
