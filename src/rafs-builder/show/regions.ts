/**
 * What a bootstrap is made of, as runs of bytes: for `inspect --at`, and for the rules that nothing overlaps and nothing
 * is left over. Regions are coarse (an inode's xattrs are one); each tells its structures when asked.
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
  /** Of the inode that it belongs to. */
  readonly path: RawPath | undefined;
  /** In the order of the file. */
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

/** Names are made when somebody looks at them: an audit goes over all structures, and looks at none. */
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
