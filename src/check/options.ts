/** The options of `checkImage`. */
import type { Platform } from '../oci/descriptor.js';
import type { PlatformSelection } from '../oci/platform.js';
import type { ImageSource } from '../registry/stores/store.js';

/** The Nydus image to check, and its source image if the caller wants both compared. */
export interface CheckImages {
  readonly source?: ImageSource | undefined;
  readonly target: ImageSource;
}

export interface CheckOptions {
  /** The platforms to check; all by default. */
  readonly platforms?: PlatformSelection | undefined;
  /** Threads of the addon that decode and digest; 2 by default. */
  readonly threads?: number | undefined;
  /** Percent of the chunk data that is read and digested; all of it by default. */
  readonly sample?: number | undefined;
  /** True: a listed platform that the target lacks is a warning. False: it is a finding. */
  readonly allowMissingPlatforms?: boolean | undefined;
  /**
   * True: also read the layers of ordinary images in a registry, which verified them when they were pushed. Layers on
   * disk are always read.
   */
  readonly allContent?: boolean | undefined;
  /** Also replay the behaviour of every client on the target, and note what a coming version of one would pass by. */
  readonly clients?: boolean | undefined;
  /** Tables for reports: also replay the behaviour of every client, and count the contents of the images, by layer and by directory. */
  readonly details?: boolean | undefined;
  /**
   * True: no chunk data is read. Manifests, bootstraps, and by range requests each blob's table of contents, chunk table and
   * own bootstrap are still verified against each other.
   */
  readonly bootstrapOnly?: boolean | undefined;
  /** Called with every document that `check` reads, under the name that upstream's `check` gives it in its work directory. */
  readonly keep?: ((path: string, bytes: Uint8Array) => Promise<void>) | undefined;
  /**
   * The platform, if there are several, whose documents are kept under the very names of upstream, which checks only one; each other
   * platform gets a folder. The first image's by default.
   */
  readonly keptPlatform?: Platform | undefined;
}
