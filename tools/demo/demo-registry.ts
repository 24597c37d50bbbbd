/** The small laboratory of `npm start` and `npm run registry`: a registry of ours with a real image in it. */
import { existsSync } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { writeDemoImage } from '../../fixtures/demo-image.js';
import { copyImage } from '../../src/copy/copy.js';
import { startRegistry, type RunningRegistry } from '../../src/embedded-registry/server.js';
import { anonymous } from '../../src/registry/auth/credentials.js';
import { openSource, openTarget } from '../../src/registry/open.js';
import { projectRoot } from '../../test/support/project.js';

const cache = join(projectRoot, '.cache', 'demo');
export const DEMO_REPOSITORY = 'demo/app';

/** The demonstration image as an OCI layout; made once. */
export async function demoLayout(): Promise<string> {
  const layout = join(cache, 'layout');
  if (existsSync(layout)) return layout;
  const unfinished = `${layout}.new`;
  await rm(unfinished, { recursive: true, force: true });
  await mkdir(unfinished, { recursive: true });
  await writeDemoImage(unfinished);
  await rename(unfinished, layout);
  return layout;
}

/** Copies between two locations. */
export async function copyBetween(from: string, to: string): Promise<void> {
  await using source = openSource(from, { credentials: anonymous });
  await using target = openTarget(to, { credentials: anonymous });
  await copyImage({ source, target });
}

export interface Lab extends AsyncDisposable {
  readonly registry: RunningRegistry;
  /** Reference of the demonstration image. */
  readonly image: string;
}

/** Starts the registry on `port` (0: any) with its content of last time, and the image in it. */
export async function openLab(port: number, say: (text: string) => void): Promise<Lab> {
  say("making a demonstration image out of Node's own files");
  const layout = await demoLayout();
  const registry = await startRegistry({ root: join(cache, 'registry'), port });
  const image = `${registry.host}/${DEMO_REPOSITORY}:1.0`;
  say(`putting it into a registry on ${registry.host}`);
  await copyBetween(`oci:${layout}:demo`, image);
  return { registry, image, [Symbol.asyncDispose]: () => registry[Symbol.asyncDispose]() };
}
