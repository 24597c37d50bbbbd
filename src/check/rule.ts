/**
 * A rule looks at a subject and yields findings; it throws only when it could not look (no network, no disk). Rules are lists,
 * so that a new one is one more line.
 */
import { ContentMismatchError, FormatError, type NydusError, RegistryError } from '../errors.js';
import type { CallOptions } from '../reporter.js';
import { finding, type Finding, type FindingDetails, type Place } from './finding.js';
import type { FindingId } from './catalogue.js';

export interface Rule<Subject> {
  /** A few words for readers of the lists of rules. */
  readonly name: string;
  check(subject: Subject, call: CallOptions): AsyncIterable<Finding> | Iterable<Finding>;
}

/** The outcome of an attempt: a value, or the finding that says why there is none. */
export type Looked<T> =
  | { readonly value: T; readonly finding?: undefined }
  | { readonly value?: undefined; readonly finding: Finding };

/**
 * Runs `look` and turns what is the content's own fault into a finding: absent content, bytes that are not as promised, and
 * bytes that make no sense (`invalid` names that finding). Everything else is thrown on: it says nothing about the image.
 */
export async function attempt<T>(
  where: Place,
  invalid: FindingId,
  look: () => Promise<T> | T,
): Promise<Looked<T>> {
  try {
    return { value: await look() };
  } catch (cause) {
    return { finding: faultOf(cause, where, invalid) };
  }
}

/** The finding that an error amounts to; throws the error when it is not about content. */
export function faultOf(cause: unknown, where: Place, invalid: FindingId): Finding {
  if (cause instanceof ContentMismatchError) {
    return finding('CONTENT-DIGEST', where, {
      message: cause.message,
      ...cause.mismatch,
      ...adviceOf(cause),
    });
  }
  if (cause instanceof RegistryError && cause.status === 404) {
    return finding('CONTENT-MISSING', where, { message: cause.message, ...adviceOf(cause) });
  }
  if (cause instanceof FormatError) {
    return finding(
      invalid,
      { ...where, offset: cause.offset ?? where.offset },
      { message: cause.message, ...adviceOf(cause) },
    );
  }
  throw cause;
}

function adviceOf({ hint, remedy }: NydusError): Pick<FindingDetails, 'hint' | 'remedy'> {
  return { hint, remedy };
}

/** Findings about one thing, gathered on the way. */
export class Collector {
  readonly findings: Finding[] = [];
  readonly place: Place;

  constructor(place: Place) {
    this.place = place;
  }

  report(id: FindingId, details: FindingDetails, where: Place = this.place): void {
    this.findings.push(finding(id, where, details));
  }

  /** Like the function `attempt`, but keeps the finding here: undefined says that there is one. */
  async attempt<T>(invalid: FindingId, look: () => Promise<T> | T): Promise<T | undefined> {
    const looked = await attempt(this.place, invalid, look);
    if (looked.finding !== undefined) this.findings.push(looked.finding);
    return looked.value;
  }

  /** One finding for each value that is not as expected. */
  compare(
    id: FindingId,
    message: string,
    values: readonly (readonly [what: string, expected: number, found: number])[],
  ): void {
    for (const [what, expected, found] of values) {
      if (expected !== found)
        this.report(id, { message: `${message} ${what}`, expected: `${expected}`, found: `${found}` });
    }
  }
}
