/** What a commit has made, as a document for programs. Members are added, never renamed. */
import type { CommitResult } from '../../commit/commit.js';
import { contentJson } from './content.js';

/** The answer of `commit --json`. `image` is the name that is to be deployed. */
export function commitDocument(image: string, result: CommitResult): object {
  const { root, target, unchanged, platform, base, manifest, config, blob, ordinary, times, stats } = result;
  return {
    schemaVersion: 1,
    image,
    target,
    ...contentJson(root),
    unchanged,
    platform,
    base: contentJson(base),
    manifest: contentJson(manifest),
    config: contentJson(config),
    blob: contentJson(blob),
    ...(ordinary === undefined
      ? {}
      : { ordinary: { manifest: contentJson(ordinary.manifest), layer: contentJson(ordinary.layer) } }),
    times,
    changes: {
      entries: stats.entries,
      bytes: stats.tarBytes,
      chunks: stats.chunks,
      newChunks: stats.newChunks,
    },
    copied: result.contents.map(({ mediaType, digest, size, outcome }) => ({
      mediaType,
      digest,
      size,
      outcome,
    })),
    milliseconds: { total: Math.round(result.milliseconds) },
  };
}
