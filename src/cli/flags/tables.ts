/** The flags of every command, without the commands themselves. */
import { BUILD_FLAGS } from './build.js';
import { CACHE_COMMAND_FLAGS } from './build-cache.js';
import { CHECK_FLAGS } from './check.js';
import { COMMIT_FLAGS } from './commit.js';
import { CONVERT_FLAGS, LATER_FLAGS, PLAN_FLAGS, REVERSE_FLAGS } from './convert.js';
import { COPY_FLAGS } from './copy.js';
import { CHUNKDICT_FLAGS, DEDUP_FLAGS } from './dedup.js';
import type { Flag } from './flags.js';
import { LOGIN_FLAGS, LOGOUT_FLAGS } from './login.js';
import {
  CAT_FLAGS,
  DIFF_FLAGS,
  DU_FLAGS,
  EXTRACT_FLAGS,
  INSPECT_FLAGS,
  LS_FLAGS,
  PREFETCH_COMMAND_FLAGS,
  STAT_FLAGS,
  TREE_FLAGS,
} from './look.js';
import { MOUNT_FLAGS } from './mount.js';
import { OPTIMIZE_FLAGS } from './optimize.js';
import { SERVE_FLAGS } from './serve.js';
import { VERSION_FLAGS } from './version.js';

/** In the order of the help. */
export const FLAGS_OF: Readonly<Record<string, readonly Flag[]>> = {
  convert: [...CONVERT_FLAGS, ...LATER_FLAGS],
  plan: PLAN_FLAGS,
  build: BUILD_FLAGS,
  copy: COPY_FLAGS,
  reverse: REVERSE_FLAGS,
  optimize: OPTIMIZE_FLAGS,
  commit: COMMIT_FLAGS,
  chunkdict: CHUNKDICT_FLAGS,
  dedup: DEDUP_FLAGS,
  cache: CACHE_COMMAND_FLAGS,
  check: CHECK_FLAGS,
  inspect: INSPECT_FLAGS,
  ls: LS_FLAGS,
  cat: CAT_FLAGS,
  extract: EXTRACT_FLAGS,
  stat: STAT_FLAGS,
  tree: TREE_FLAGS,
  du: DU_FLAGS,
  diff: DIFF_FLAGS,
  prefetch: PREFETCH_COMMAND_FLAGS,
  serve: SERVE_FLAGS,
  mount: MOUNT_FLAGS,
  login: LOGIN_FLAGS,
  logout: LOGOUT_FLAGS,
  completion: [],
  version: VERSION_FLAGS,
};
