/** One call of `checkImage`: its options, and the findings that its rules have made so far. */
import { setImmediate as turn } from 'node:timers/promises';
import { mapOrdered } from '../io/concurrency.js';
import type { Digest } from '../oci/digest.js';
import { silentReporter, type CallOptions } from '../reporter.js';
import { finding, type Finding, type FindingDetails, type Place } from './finding.js';
import type { FindingId } from './catalogue.js';
import { Pace } from '../turns.js';
import type { CheckOptions } from './options.js';
import { faultOf, type Rule } from './rule.js';

export type Findings = AsyncIterable<Finding> | Iterable<Finding>;

/** The place of findings about the reference as a whole. */
const NOWHERE: Place = {};

/** The findings of a rule, and the one for content that stops it. Throws what says nothing about the content. */
async function* untilStopped(findings: Findings, where: Place): AsyncGenerator<Finding> {
  try {
    yield* findings;
  } catch (cause) {
    yield faultOf(cause, where, 'CONTENT-UNREAD');
  }
}

export class CheckRun {
  readonly findings: Finding[] = [];
  readonly options: CheckOptions;
  readonly call: CallOptions;
  readonly threads: number;
  /** Digests whose content was read: images of several platforms may share blobs. */
  readonly verified = new Set<Digest>();

  constructor(options: CheckOptions, call: CallOptions) {
    this.options = options;
    this.call = call;
    this.threads = options.threads ?? 2;
  }

  report(id: FindingId, where: Place, details: FindingDetails): void {
    this.findings.push(finding(id, where, details));
  }

  /** Runs each rule; content that stops one of them is a finding at `where`, and the others go on. */
  async rules<Subject>(
    rules: readonly Rule<Subject>[],
    subject: Subject,
    where: Place = NOWHERE,
  ): Promise<void> {
    for (const rule of rules) {
      // A rule reads whole documents, which takes its time with large ones: signals and timers come first.
      await turn();
      this.call.signal?.throwIfAborted();
      await this.gather(untilStopped(rule.check(subject, this.call), where));
    }
  }

  async gather(findings: Findings): Promise<void> {
    const pace = new Pace(this.call.signal);
    for await (const found of findings) {
      this.findings.push(found);
      if (pace.isDue) await pace.turn();
    }
  }

  /** Runs independent rules at the same time, as `rules` does, and keeps their findings in the order of the rules. */
  async together(rules: readonly ((call: CallOptions) => Findings)[], where: Place): Promise<void> {
    const all = await mapOrdered(
      rules,
      rules.length,
      async (rule, _, signal) => {
        const findings: Finding[] = [];
        const pace = new Pace(signal);
        for await (const found of untilStopped(rule({ ...this.call, signal }), where)) {
          findings.push(found);
          if (pace.isDue) await pace.turn();
        }
        return findings;
      },
      this.call.signal,
    );
    for (const found of all.flat()) this.findings.push(found);
  }

  step(message: string): void {
    (this.call.reporter ?? silentReporter).emit({ type: 'step', message });
  }
}
