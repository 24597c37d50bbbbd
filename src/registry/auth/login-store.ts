/**
 * Stores logins where Docker, podman, skopeo and oras find them: in the file, or in the credential helper that the file names for the
 * host. With a helper the file has an empty entry, as Docker writes it.
 */
import { changeSettings } from '../../io/changed-settings.js';
import type { CallOptions } from '../../reporter.js';
import { isBlank, readConfig, withEntry, withoutEntries } from './config-json.js';
import {
  askHelper,
  eraseFromHelper,
  type HelperOptions,
  listOfHelper,
  storeInHelper,
} from './credential-helper.js';
import { type Credential, helperOf, HELPER_TIMEOUT_MS } from './credentials.js';
import { isKeyOf, spellings, storedKey } from './hosts-of-logins.js';

export interface LoginStore {
  /** The file, which need not exist. */
  readonly path: string;
  /** The environment of credential helpers, whose `PATH` also finds them. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly signal?: CallOptions['signal'];
}

/** The place where a login lies now. */
export interface StoredLogin {
  readonly path: string;
  /** The helper's name; undefined when the file itself holds the secret. */
  readonly helper: string | undefined;
}

/** Docker and helpers take an identity token for what it is by this user name. */
const TOKEN_USER = '<token>';

/** Replaces what is stored for the host. Throws AuthError, FormatError and LocalIoError. */
export async function storeLogin(
  host: string,
  credential: Credential,
  store: LoginStore,
): Promise<StoredLogin> {
  const { path } = store;
  const helper = helperOf((await readConfig(path)) ?? {}, host);
  if (helper !== undefined) await storeInHelper(helper, storedKey(host), credential, optionsFor(store));
  const entry = helper === undefined ? entryOf(credential) : {};
  await changeSettings(path, (bytes) => withEntry(bytes, path, host, entry));
  return { path, helper };
}

/** Removes what is stored for the host, in every spelling; returns false when there was nothing. Throws as `storeLogin` does. */
export async function eraseLogin(host: string, store: LoginStore): Promise<boolean> {
  const { path } = store;
  const config = await readConfig(path);
  if (config === undefined) return false;
  const helper = helperOf(config, host);
  const erased = helper === undefined ? false : await eraseAll(helper, host, optionsFor(store));
  let removed = false;
  if (!Object.keys(config.auths ?? {}).some((key) => isKeyOf(key, host))) return erased;
  await changeSettings(path, (bytes) => {
    if (isBlank(bytes)) return undefined;
    const after = withoutEntries(bytes, path, host);
    removed = after.keys.length > 0;
    return removed ? after.bytes : undefined;
  });
  return erased || removed;
}

/** True when the file itself holds an entry for the host. */
export async function holdsLogin(host: string, path: string): Promise<boolean> {
  const { auths } = (await readConfig(path)) ?? {};
  return Object.keys(auths ?? {}).some((key) => isKeyOf(key, host));
}

async function eraseAll(helper: string, host: string, options: HelperOptions): Promise<boolean> {
  const listed = await listOfHelper(helper, options);
  let erased = false;
  for (const key of listed?.filter((one) => isKeyOf(one, host)) ?? spellings(host)) {
    // A helper may fail for a key that it does not have.
    if (listed === undefined && (await askHelper(helper, key, options)) === undefined) continue;
    erased = (await eraseFromHelper(helper, key, options)) || erased;
  }
  return erased;
}

function optionsFor({ path, env, signal }: LoginStore): HelperOptions {
  return { env, signal, timeoutMs: HELPER_TIMEOUT_MS, searched: path };
}

/** The first colon ends the user name, so that the user of an identity token needs one behind it. */
function entryOf({ username, password, identityToken }: Credential): Readonly<Record<string, string>> {
  const base64 = (text: string): string => Buffer.from(text, 'utf8').toString('base64');
  if (identityToken === undefined) return { auth: base64(`${username ?? ''}:${password ?? ''}`) };
  return { auth: base64(`${username ?? TOKEN_USER}:`), identitytoken: identityToken };
}
