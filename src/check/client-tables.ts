/** Replays every client on the target, for each platform that its index names. */
import type { ImageSource } from '../registry/stores/store.js';
import { clientsOf, platformsOf, type PlatformClients, type Wanted } from './clients.js';
import { Detector } from './detect.js';
import { checkReferrerDetection } from './detection.js';
import type { CheckRun } from './run.js';
import type { ImageSubject, ReferenceSubject } from './subject.js';

/** Each client looks through the whole index for each platform, so the work is bounded; the largest real images have twenty. */
const REPLAYED = 100;

/** Findings do not prevent it, because clients also meet broken images. */
export async function replayClients(
  target: ImageSource,
  { images }: ReferenceSubject,
  run: CheckRun,
): Promise<readonly PlatformClients[]> {
  run.step('replaying what clients do');
  const entries = (await new Detector(target, run.call).entries()) ?? [];
  const known = images.map(({ manifest, kind }) => ({
    digest: manifest.descriptor.digest,
    kind,
    configType: manifest.value.config.mediaType,
  }));
  const wanted = entries.length === 0 ? images.flatMap(wantedBy) : platformsOf(entries);
  if (wanted.length > REPLAYED) {
    const message = `clients are replayed for the first ${REPLAYED} of ${wanted.length} platforms`;
    run.call.reporter?.emit({ type: 'warning', code: 'CLIENTS_LIMITED', message });
  }
  const tables = await clientsOf(target, wanted.slice(0, REPLAYED), known, run.call);
  for (const image of images.filter(({ kind }) => kind === 'oci'))
    await run.gather(checkReferrerDetection(image, run.call));
  return tables;
}

/** Returns the platform of a reference that is one manifest: every client gets it, on any platform. */
function wantedBy({ platformName, config }: ImageSubject): readonly Wanted[] {
  if (config === undefined) return [];
  const { os, architecture, variant = '' } = config.value.platform;
  return [{ name: platformName, platform: { os, architecture, variant, osVersion: '', osFeatures: [] } }];
}
