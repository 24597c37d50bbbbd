/** Documents of `login` and `logout`. */
import * as v from 'valibot';
import { SCHEMA_VERSION, TEXT } from './shared.js';

const FILE = v.pipe(TEXT, v.description('The file that holds the login, or names the helper that does.'));

export const LOGIN = v.strictObject({
  schemaVersion: SCHEMA_VERSION,
  server: TEXT,
  username: v.pipe(v.optional(TEXT), v.description('Absent with an identity token alone.')),
  tried: v.pipe(
    v.boolean(),
    v.description('False if the registry asks for no login, so that this one could not be tried.'),
  ),
  file: FILE,
  helper: v.pipe(v.optional(TEXT), v.description('The credential helper that keeps the login.')),
});

export const LOGOUT = v.strictObject({
  schemaVersion: SCHEMA_VERSION,
  server: TEXT,
  file: FILE,
  removed: v.pipe(v.boolean(), v.description('False if there was no login.')),
  others: v.pipe(v.array(TEXT), v.description('Other files that still hold a login of the server.')),
});
