/** The rules of a configuration, ready for use. */
import type { PlatformSelection } from '../../oci/platform.js';
import type { DriverSettings } from '../config/driver.js';

export interface Match {
  readonly host: string;
  readonly repository: string;
  readonly tag: string;
  readonly except: readonly string[];
}

export interface Rule {
  readonly name: string;
  readonly match: Match;
  /** Templates of the result's place. */
  readonly target: { readonly host: string; readonly repository: string; readonly tag: string };
  /** Empty for no cache. */
  readonly cacheTag: string;
  /** The result may take the tag of its source. */
  readonly replace: boolean;
  readonly platforms: PlatformSelection;
  readonly driver: DriverSettings;
  readonly priority: number;
}

export interface RuleSet {
  /** In the order in which they are asked. */
  readonly rules: readonly Rule[];
  /** Ends of tags that results have: nothing of ours is converted again. */
  readonly suffixes: readonly string[];
  readonly cacheTags: ReadonlySet<string>;
}
