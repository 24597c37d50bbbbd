/**
 * `nydusify-ts/testing`: a registry on a loopback port, for tests of programs that use the library. With a fault script as its
 * `intercept` it misbehaves at chosen requests.
 */
export {
  type Fault,
  type FaultOptions,
  type FaultRule,
  FAULTS,
  type FaultScript,
  type StatusFault,
  faultScript,
} from './embedded-registry/faults.js';
export {
  type ObservedRequest,
  type RegistryOptions,
  type RunningRegistry,
  startRegistry,
} from './embedded-registry/server.js';
export type { RoomLimits } from './embedded-registry/room.js';
