/** The path of a request as bytes: percent-encoding is decoded once, component by component, and no component can mean another one. */
import type { RawName, RawPath } from '../oci/raw-name.js';
import { Refusal } from './refusal.js';

export interface RequestPath {
  readonly names: readonly RawName[];
  readonly path: RawPath;
  /** True if the path ends with a slash, so that only a directory can be meant. */
  readonly isDirectory: boolean;
}

/** Longer paths are none of a file system. */
const MAX_PATH = 4096;

/** Reads the target of a request, without its query. Throws Refusal for anything but a plain absolute path. */
export function requestPath(target: string): RequestPath {
  const [encoded = ''] = target.split(/[?#]/, 1);
  if (!encoded.startsWith('/')) throw new Refusal(400, 'a request names a path that begins with a slash');
  const components = encoded.slice(1).split('/');
  const isDirectory = components.at(-1) === '';
  if (isDirectory) components.pop();
  const names = components.map(nameOf);
  const path = names.join('/') as RawPath; // components joined by `/`
  if (path.length > MAX_PATH) throw new Refusal(414, `a path has at most ${MAX_PATH} bytes`);
  return { names, path, isDirectory };
}

function nameOf(component: string): RawName {
  if (/%(?![0-9a-fA-F]{2})/.test(component))
    throw new Refusal(400, 'a percent sign is followed by two hexadecimal digits');
  // Node hands the bytes of a request line over as latin1.
  const name = component.replace(/%([0-9a-fA-F]{2})/g, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  );
  if (name === '' || name === '.' || name === '..')
    throw new Refusal(400, 'a path has no empty names and neither . nor ..');
  if (/[/\0]/.test(name)) throw new Refusal(400, 'a name has neither a slash nor a zero byte');
  return name as RawName; // one character a byte, and no slash
}

/** Encodes names as an absolute path that every client reads back as these bytes. */
export function encodedPath(names: readonly RawName[], isDirectory: boolean): string {
  const joined = names.map((name) => `/${encodedName(name)}`).join('');
  return isDirectory ? `${joined}/` : joined === '' ? '/' : joined;
}

export function encodedName(name: RawName): string {
  return name.replace(
    /[^A-Za-z0-9._~-]/g,
    (byte) => `%${byte.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`,
  );
}
