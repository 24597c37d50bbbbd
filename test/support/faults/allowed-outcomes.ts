/** Which outcomes a cell may have. `docs/reliability.md` says the same in words, above the table of what came. */
import type { Fault } from '../../../src/embedded-registry/faults.js';
import type { Cell, Outcome } from './fault-matrix.js';

/** Where trying once more is all that is needed. */
const PASSING: ReadonlySet<Fault> = new Set([
  'reset',
  'lost-answer',
  'half',
  '500',
  '503',
  '429',
  'html-502',
  'stall',
]);

/** The content arrives changed. */
const SPOILING: ReadonlySet<Fault> = new Set(['wrong-digest', 'truncated', 'html-200']);

/** `same` is always right; what else may be is decided by the fault, and by whom it strikes. */
export function allowed({ fault, host, mode, scenario }: Cell): readonly Outcome[] {
  // An image never fails for its cache.
  if (scenario === 'cached') return ['same'];
  if (mode === 'once') {
    if (PASSING.has(fault)) return ['same'];
    // Elsewhere a void token is renewed, and a redirect followed without it.
    if (host !== 'tokens' && (fault === '401' || fault === 'redirect')) return ['same'];
  }
  // A host that only takes the uploads gets no credentials, and so has none to refuse.
  if (fault === '401') return scenario === 'elsewhere' ? ['same', 'AUTH', 'REGISTRY'] : ['same', 'AUTH'];
  // A spoiled token is a token that the registry does not accept.
  if (fault === 'wrong-digest' && host === 'tokens') return ['same', 'AUTH'];
  if (SPOILING.has(fault)) return ['same', 'REGISTRY', 'CONTENT'];
  return ['same', 'REGISTRY'];
}
