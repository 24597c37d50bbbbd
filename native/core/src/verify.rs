//! Reads a blob's bytes in order and decodes, measures and digests every chunk of a table.
