/** `nydusify-ts/testing`: a registry on a loopback port, for tests of programs that use the library. */
export {
  type ObservedRequest,
  type RegistryOptions,
  type RunningRegistry,
  startRegistry,
} from './embedded-registry/server.js';
