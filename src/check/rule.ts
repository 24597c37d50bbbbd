/**
 * A rule looks at a subject and yields findings; it throws only when it could not look (no network, no disk). Rules
 * stand in lists, so a new rule is one more line.
 */
import {
  ContentMismatchError,
  FormatError,
  type NydusError,
  RegistryError,
  UnsupportedError,
} from '../errors.js';
import type { CallOptions } from '../reporter.js';
import { finding, type Finding, type FindingDetails, type Place } from './finding.js';
import type { FindingId } from './catalogue.js';

export interface Rule<Subject> {
  /** A few words that name the rule in a list. */
  readonly name: string;
  check(subject: Subject, call: CallOptions): AsyncIterable<Finding> | Iterable<Finding>;
}

/** The outcome of an attempt: a value, or the finding that explains its absence. */
export type Looked<T> =
  | { readonly value: T; readonly finding?: undefined }
  | { readonly value?: undefined; readonly finding: Finding };

/**
 * Runs `look`, and returns a finding if the content is at fault: it is absent, its bytes are not those of its digest,
 * they cannot be parsed (`invalid` is the id for that), or they are of a kind that is not read here. Throws every other error on,
 * because it says nothing about the image.
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

/** Returns the finding for an error about content; throws any other error. */
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
  if (cause instanceof UnsupportedError)
    return finding('CONTENT-UNREAD', where, { message: cause.message, ...adviceOf(cause) });
  throw cause;
}

function adviceOf({ hint, remedy }: NydusError): Pick<FindingDetails, 'hint' | 'remedy'> {
  return { hint, remedy };
}

/** Collects the findings about one subject. */
export class Collector {
  readonly findings: Finding[] = [];
  readonly place: Place;

  constructor(place: Place) {
    this.place = place;
  }

  report(id: FindingId, details: FindingDetails, where: Place = this.place): void {
    this.findings.push(finding(id, where, details));
  }

  /** Calls the function `attempt` and keeps its finding; undefined means that there was one. */
  async attempt<T>(invalid: FindingId, look: () => Promise<T> | T): Promise<T | undefined> {
    const looked = await attempt(this.place, invalid, look);
    if (looked.finding !== undefined) this.findings.push(looked.finding);
    return looked.value;
  }

  /** Reports one finding for each value that differs from the expected one. */
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
