/**
 * Remedies of failures, warnings and findings, as data. Each program that uses the library offers them in its own way, the
 * command line by its flags. `src/cli/text/remedies.ts` makes the command's sentences.
 */

import type { LimitName } from './limits.js';

/** The two images of a run: the one that is read, and the one that is written, or checked against the other. */
export type Side = 'source' | 'target';

export type Remedy =
  /** Trust the authority that signed the registry's certificate, or do without verification. */
  | { readonly kind: 'trust-ca' }
  /** Have the registry's certificate replaced, which no authority makes good, or do without verification. */
  | {
      readonly kind: 'new-certificate';
      readonly because: 'expired' | 'not-yet-valid' | 'other-name' | 'unfit';
    }
  /** Correct where the run looks for the authorities to trust. */
  | { readonly kind: 'trust-roots' }
  /** Show the registry a client certificate. */
  | { readonly kind: 'client-certificate'; readonly host: string }
  /** Speak HTTP without TLS. `triedPort` is where TLS was tried because nothing else was asked for. */
  | { readonly kind: 'plain-http'; readonly triedPort?: number | undefined }
  /** Log in to the registry. `stored`: credentials were found and are of no use. */
  | {
      readonly kind: 'login';
      readonly host: string;
      /** The files that were searched for credentials. */
      readonly searched: string;
      readonly stored: boolean;
    }
  /** Allow a registry or an image to lead to this host, if that is meant to be. */
  | { readonly kind: 'allow-host'; readonly host: string }
  /** Reach this host without the proxy. */
  | { readonly kind: 'bypass-proxy'; readonly host: string }
  /** Give the proxy a user and a password. */
  | { readonly kind: 'proxy-login' }
  /** Use another folder for temporary files, or make room in it. */
  | { readonly kind: 'work-dir' }
  /** Ask for one of the platforms that are there, or for any when the list is empty. */
  | { readonly kind: 'choose-platform'; readonly available: readonly string[] }
  /** Go on without the platforms that are not there. */
  | { readonly kind: 'allow-missing-platforms' }
  /** Ask for the other image of a merged index; `missing` is the one that was asked for. */
  | { readonly kind: 'choose-half'; readonly missing: 'oci' | 'nydus' }
  /** Ask for chunks of a size that is allowed. */
  | { readonly kind: 'chunk-size'; readonly usual: number }
  /** Mark the Nydus images of a merged index in another way. `unlessKnown`: only if the registry does not know `os.features`. */
  | {
      readonly kind: 'index-marks';
      readonly marks: 'artifact-type' | 'dual';
      readonly unlessKnown?: boolean | undefined;
    }
  /** Convert without naming the source as `subject`. `unlessKnown`: only if the registry does not know `subject`. */
  | { readonly kind: 'omit-subject'; readonly unlessKnown?: boolean | undefined }
  /** Make a Nydus image alone instead of a merged index. */
  | { readonly kind: 'omit-merging' }
  /** Convert the image that this Nydus image was made from, or a merged index. */
  | { readonly kind: 'convert-original' }
  /** Give the OCI half of a merged index layers of its own. */
  | { readonly kind: 'isolate-half' }
  /** Keep the source manifests in a merged index as they are. */
  | { readonly kind: 'keep-manifests' }
  /** Carry over entries of the index that are no images. */
  | { readonly kind: 'keep-attestations' }
  /** Check the image to learn how much of it is damaged. */
  | { readonly kind: 'check-image' }
  /** Check the image beside the one that it was made from. */
  | { readonly kind: 'give-source' }
  /** Replay what every client makes of the image. */
  | { readonly kind: 'replay-clients' }
  /** Allow images to take more than this limit. */
  | { readonly kind: 'raise-limit'; readonly limit: LimitName }
  /** Store all of every layer. */
  | { readonly kind: 'omit-flatten' }
  /** Make the layers of the original again, from the blobs. */
  | { readonly kind: 'rebuild-layers' }
  /** Make one layer of the whole image. */
  | { readonly kind: 'squash-layers' }
  /** Let every blob stand alone. */
  | { readonly kind: 'dedup-layer' }
  /** Report the failure as a bug of this package. */
  | { readonly kind: 'report-bug' };
