/**
 * A bootstrap as runs of bytes, for `inspect --at` and for the rules that no bytes overlap and none are left over.
 * Regions are coarse (an inode's xattrs are one region); each lists its structures on request.
 */
import type { RawPath } from '../../oci/raw-name.js';
import type { AnyStruct } from '../layout/struct.js';

/** One structure, or a run of bytes without one (a name, a value). */
export interface LocatedStruct {
  readonly name: string;
  readonly offset: number;
  readonly size: number;
  readonly struct: AnyStruct | undefined;
}

export interface Region {
  readonly name: string;
  /** Bytes from the start of the file. */
  readonly offset: number;
  readonly size: number;
  /** The path of the inode that the region belongs to. */
  readonly path: RawPath | undefined;
  /** Yields the structures in the order of the file. */
  structs(): Iterable<LocatedStruct>;
}

export function one(struct: AnyStruct, offset: number, path?: RawPath): Region {
  return { name: struct.name, offset, size: struct.size, path, structs: () => [located(struct, offset)] };
}

export function array(
  name: string,
  struct: AnyStruct,
  offset: number,
  count: number,
  path?: RawPath,
): Region {
  return {
    name,
    offset,
    size: count * struct.size,
    path,
    structs: function* () {
      for (let i = 0; i < count; i++) yield located(struct, offset + i * struct.size);
    },
  };
}

export function run(name: string, offset: number, size: number, path: RawPath): Region {
  return { name, offset, size, path, structs: () => [bytes(() => name, offset, size)] };
}

export function located(struct: AnyStruct, offset: number): LocatedStruct {
  return { name: struct.name, offset, size: struct.size, struct };
}

/** `name` is called only when the name is read, because an audit visits all structures without reading their names. */
export function bytes(name: () => string, offset: number, size: number): LocatedStruct {
  return {
    get name() {
      return name();
    },
    offset,
    size,
    struct: undefined,
  };
}
