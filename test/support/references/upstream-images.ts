/** The images of `fixtures/upstream`, unpacked. */
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { projectRoot } from '../project.js';
import { runTool } from '../run-tool.js';

export interface UpstreamImages {
  /** The caller removes it. */
  readonly folder: string;
  /** The location of the image with a tag. */
  readonly at: (tag: string) => string;
}

export async function upstreamImages(): Promise<UpstreamImages> {
  const folder = await mkdtemp(join(tmpdir(), 'nydusify-upstream-'));
  await runTool('tar', ['-xzf', join(projectRoot, 'fixtures', 'upstream', 'images.tar.gz'), '-C', folder]);
  return { folder, at: (tag) => `oci:${join(folder, 'uplay')}:${tag}` };
}
