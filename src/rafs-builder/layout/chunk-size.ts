/** The sizes that chunks may have, apart from the tables of structures, which take time to build. */
export const MIN_CHUNK_SIZE = 0x1000;
export const MAX_CHUNK_SIZE = 0x100_0000;
/** The chunk size of images unless the builder is given another. */
export const DEFAULT_CHUNK_SIZE = 0x10_0000;
