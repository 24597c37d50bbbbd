/** The receivers, by the types that the configuration names. */
import type { Webhook } from '../config/webhooks.js';
import { DISTRIBUTION } from './distribution.js';
import { GENERIC } from './generic.js';
import { GITHUB } from './github.js';
import { HARBOR } from './harbor.js';
import { ACR, DOCKER_HUB, ECR, QUAY } from './hosted.js';
import type { Receiver } from './receiver.js';

export const RECEIVERS: Readonly<Record<Webhook['type'], Receiver>> = {
  harbor: HARBOR,
  distribution: DISTRIBUTION,
  dockerhub: DOCKER_HUB,
  github: GITHUB,
  quay: QUAY,
  ecr: ECR,
  acr: ACR,
  generic: GENERIC,
};
