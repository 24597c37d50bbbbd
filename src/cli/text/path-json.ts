/** Names and paths in documents for programs: as text, and as bytes where the text does not have them all. */
import { displayName, rawNameBytes, type RawPath } from '../../oci/raw-name.js';

export function pathJson(key: string, path: RawPath): Readonly<Record<string, string>> {
  return textJson(key, `/${displayName(path)}`, `/${path}` as RawPath); // a slash before a path gives bytes again
}

export function rawJson(key: string, raw: RawPath): Readonly<Record<string, string>> {
  return textJson(key, displayName(raw), raw);
}

/** The text alone when it is the raw bytes exactly. */
function textJson(key: string, text: string, raw: RawPath): Readonly<Record<string, string>> {
  // The bytes of plain paths are compared without copies, since there may be hundreds of thousands of long ones.
  if (text === raw && /^[\x20-\x7e]*$/.test(raw)) return { [key]: text };
  const bytes = rawNameBytes(raw);
  return bytes.equals(Buffer.from(text, 'utf8'))
    ? { [key]: text }
    : { [key]: text, [`${key}Base64`]: bytes.toString('base64') };
}
