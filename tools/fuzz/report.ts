/** A run of one target. */
export interface Report {
  readonly name: string;
  readonly executions: number;
  readonly faults: readonly {
    /** A line of a corpus. */
    readonly input: string;
    readonly reason: string;
  }[];
  /** The number of inputs with outcomes, or ways through the code, that its corpus did not have. */
  readonly found: number;
  /** Keeps such inputs in the corpus, as long as there is room. */
  readonly keep: () => Promise<void>;
}
