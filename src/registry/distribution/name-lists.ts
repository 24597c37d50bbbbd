/** Lists the tags of a repository, and the repositories of a registry, page by page. Distribution-spec, "Listing Tags"; distribution's `_catalog`. */
import * as v from 'valibot';
import { FormatError, RegistryError } from '../../errors.js';
import { collect } from '../../io/streams.js';
import { isTag, parseReference } from '../../oci/reference.js';
import type { CallOptions } from '../../reporter.js';
import { ANSWERS, meaningOf } from '../answers.js';
import { CATALOG_SCOPE, repositoryScope } from '../auth/challenge.js';
import type { Pointer } from './manifests.js';
import { nextPage } from './referrers.js';

/** Bounds what a faulty registry can make a reader fetch. */
const MAX_PAGES = 1000;
const MAX_NAMES = 200_000;
const MAX_PAGE_BYTES = 4 << 20;
const PAGE_SIZE = 1000;

const NAMES = v.nullish(v.array(v.string()));

interface List {
  readonly path: string;
  readonly scope: string;
  readonly answers: typeof ANSWERS.listTags | typeof ANSWERS.listRepositories;
  readonly schema: v.GenericSchema<unknown, readonly string[] | null | undefined>;
  readonly isName: (name: string) => boolean;
  /** "the tags of REPOSITORY", for messages. */
  readonly what: string;
}

/** An empty list where there is no such repository. Names that are no tags are left out. Throws RegistryError and FormatError. */
export async function remoteTags(pointer: Pointer, call: CallOptions): Promise<readonly string[]> {
  const { registry, repository } = pointer.reference;
  return names(
    pointer,
    {
      path: `/v2/${repository}/tags/list`,
      scope: repositoryScope(repository, pointer.access),
      answers: ANSWERS.listTags,
      schema: v.pipe(
        v.object({ tags: NAMES }),
        v.transform(({ tags }) => tags),
      ),
      isName: isTag,
      what: `the tags of ${registry}/${repository}`,
    },
    call,
  );
}

/** The repositories of the reference's registry; most registries list them for administrators alone. Throws RegistryError and FormatError. */
export async function remoteRepositories(pointer: Pointer, call: CallOptions): Promise<readonly string[]> {
  const { registry } = pointer.reference;
  return names(
    pointer,
    {
      path: '/v2/_catalog',
      scope: CATALOG_SCOPE,
      answers: ANSWERS.listRepositories,
      schema: v.pipe(
        v.object({ repositories: NAMES }),
        v.transform(({ repositories }) => repositories),
      ),
      isName: (name) => isRepository(registry, name),
      what: `the repositories of ${registry}`,
    },
    call,
  );
}

function isRepository(registry: string, name: string): boolean {
  try {
    return parseReference(`${registry}/${name}`).repository === name;
  } catch {
    return false;
  }
}

async function names(
  { client, location }: Pointer,
  { path, scope, answers, schema, isName, what }: List,
  call: CallOptions,
): Promise<readonly string[]> {
  const task = `cannot list ${what}`;
  const found = new Set<string>();
  let url: URL | string = `${path}?n=${PAGE_SIZE}`;
  for (let page = 0; page < MAX_PAGES && found.size <= MAX_NAMES; page++) {
    const response = await client.request({
      method: 'GET',
      url,
      headers: { accept: 'application/json' },
      answers,
      what: task,
      scopes: [scope],
      signal: call.signal,
      reporter: call.reporter,
    });
    if (answers === ANSWERS.listTags && meaningOf(ANSWERS.listTags, response.status) === 'absent') {
      await response.discard();
      return [];
    }
    const bytes = await collect(response.body, MAX_PAGE_BYTES, `list of ${what} in ${location}`);
    const before = found.size;
    for (const name of namesIn(bytes, schema, task)) found.add(name);
    const next = nextPage(response);
    if (next === undefined) return [...found].filter(isName);
    if (next.origin !== response.url.origin)
      throw new RegistryError(`${task}: its next page is on another host, ${next.host}`);
    if (found.size === before) break; // a page without a new name would be followed by others like it
    url = next;
  }
  throw new RegistryError(`${task}: the list does not end`);
}

function namesIn(bytes: Uint8Array, schema: List['schema'], task: string): readonly string[] {
  try {
    return v.parse(schema, JSON.parse(Buffer.from(bytes).toString('utf8'))) ?? [];
  } catch (cause) {
    throw new FormatError(`${task}: the answer is no list of names`, { cause });
  }
}
