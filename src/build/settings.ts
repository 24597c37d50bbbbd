/** What a container is told to do with an image. What is undefined stays as it is below, or is not there. */
export interface ImageSettings {
  readonly cmd?: readonly string[] | undefined;
  readonly entrypoint?: readonly string[] | undefined;
  /** `NAME=VALUE`, beside those that are there. */
  readonly env?: readonly string[] | undefined;
  /** `NAME=VALUE`, beside those that are there. */
  readonly labels?: readonly string[] | undefined;
  /** Such as `80/tcp`. */
  readonly ports?: readonly string[] | undefined;
  readonly volumes?: readonly string[] | undefined;
  readonly user?: string | undefined;
  readonly workdir?: string | undefined;
  readonly stopSignal?: string | undefined;
}
