/** The result of `checkImage`. */
import type { Descriptor } from '../oci/descriptor.js';
import type { Digest } from '../oci/digest.js';
import type { PlatformClients } from './clients.js';
import type { CheckedLayer, ImageContents } from './contents.js';
import type { Finding } from './finding.js';

export interface CheckedPlatform {
  readonly platform: string;
  readonly nydus: Digest;
  /** The image for clients without Nydus, in a merged index. */
  readonly oci: Digest | undefined;
  /** The layers of that image were read; else their presence and size were looked at. */
  readonly ociRead: boolean;
  /** The number of data layers, without the bootstrap layer. */
  readonly layers: number;
  /** Bytes of all data layers. */
  readonly blobBytes: number;
  /** True when chunk data was read, all of it or the sample that the caller asked for. */
  readonly dataRead: boolean;
  /** True when the image was compared with its source. */
  readonly compared: boolean;
  /** Data layers in order, lowest first. */
  readonly layerSizes: readonly CheckedLayer[];
  /** Bytes of the bootstrap layer as it is pulled. */
  readonly bootstrapBytes: number;
  /** Undefined unless the caller asked for details and the bootstrap could be read. */
  readonly contents: ImageContents | undefined;
  /** Whole milliseconds that its images took; those of other platforms are checked before or after. */
  readonly milliseconds: number;
}

export interface CheckResult {
  readonly target: string;
  readonly source: string | undefined;
  readonly root: Descriptor;
  /** `bad` when any finding is an error. */
  readonly verdict: 'good' | 'bad';
  readonly platforms: readonly CheckedPlatform[];
  /** Undefined unless `clients` or `details` was asked for. */
  readonly clients: readonly PlatformClients[] | undefined;
  /** True when the caller asked for no chunk data to be read. */
  readonly bootstrapOnly: boolean;
  /** Percent of the chunk data that was read; undefined means all of it. */
  readonly sample: number | undefined;
  readonly findings: readonly Finding[];
}
