/** Every JSON document of the command, described once; the published schemas follow from it, and tests hold real output to both. */
import { toJsonSchema } from '@valibot/to-json-schema';
import type * as v from 'valibot';
import { BUILD } from './build.js';
import { CACHE } from './cache.js';
import { CHECK } from './check.js';
import { COMMIT } from './commit.js';
import { PRINTED_CONFIG, VERSIONS } from './config.js';
import { CONVERT, EVENT, PLAN, REVERSE } from './conversion.js';
import { COPY } from './copy.js';
import { CHUNKDICT, DEDUP_ESTIMATE } from './dedup.js';
import { FAILURE } from './failure.js';
import { LOGIN, LOGOUT } from './login.js';
import { BRANCH, DIFF, DU, EXTRACT, INSPECT, LS, PREFETCH, STAT, TREE } from './look.js';
import { OPTIMIZE } from './optimize.js';

interface Document {
  readonly title: string;
  readonly schema: v.GenericSchema;
}

/** By the name of its schema's file. */
export const DOCUMENTS = {
  convert: { title: 'nydusify convert --json', schema: CONVERT },
  plan: { title: 'nydusify plan --json', schema: PLAN },
  copy: { title: 'nydusify copy --json', schema: COPY },
  reverse: { title: 'nydusify reverse --json, and convert --reverse --json', schema: REVERSE },
  build: { title: 'nydusify build --json', schema: BUILD },
  optimize: { title: 'nydusify optimize --json', schema: OPTIMIZE },
  commit: { title: 'nydusify commit --json', schema: COMMIT },
  chunkdict: { title: 'nydusify chunkdict generate --json', schema: CHUNKDICT },
  dedup: { title: 'nydusify dedup estimate --json', schema: DEDUP_ESTIMATE },
  cache: { title: 'nydusify cache ls --json, cache prune --json and cache verify --json', schema: CACHE },
  check: { title: 'nydusify check --json, and --report json', schema: CHECK },
  inspect: { title: 'nydusify inspect --json', schema: INSPECT },
  ls: { title: 'nydusify ls --json', schema: LS },
  stat: { title: 'nydusify stat --json', schema: STAT },
  tree: { title: 'nydusify tree --json', schema: TREE },
  extract: { title: 'nydusify extract --json', schema: EXTRACT },
  du: { title: 'nydusify du --json', schema: DU },
  diff: { title: 'nydusify diff --json', schema: DIFF },
  prefetch: { title: 'nydusify prefetch --json', schema: PREFETCH },
  login: { title: 'nydusify login --json', schema: LOGIN },
  logout: { title: 'nydusify logout --json', schema: LOGOUT },
  config: { title: 'nydusify COMMAND --print-config --json', schema: PRINTED_CONFIG },
  version: { title: 'nydusify version --json', schema: VERSIONS },
  error: { title: 'a command with --json that fails', schema: FAILURE },
  event: { title: 'a line of nydusify convert or copy --progress json', schema: EVENT },
} as const satisfies Readonly<Record<string, Document>>;

export type DocumentName = keyof typeof DOCUMENTS;

/** The published schema. Later versions may add members, so it allows some that it does not know. */
export function publishedSchema(name: DocumentName): string {
  const { title, schema } = DOCUMENTS[name];
  const { $schema, ...rest } = toJsonSchema(schema, {
    typeMode: 'input',
    ...(name === 'tree' ? { definitions: { branch: BRANCH } } : {}),
  });
  return `${JSON.stringify({ $schema, title, ...rest }, withoutLimits, 2)}\n`;
}

function withoutLimits(this: unknown, key: string, value: unknown): unknown {
  return key === 'additionalProperties' && value === false ? undefined : value;
}
