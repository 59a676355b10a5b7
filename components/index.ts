export { App, type AppArgs } from "./app";
export { Image, type PlatformImage } from "./image/image";
export {
  BuildNetwork,
  type CacheArgs,
  CacheMode,
  Compression,
  type ImageArgs,
  type RegistryArgs,
  type RegistryCredentialsArgs,
  type ReproducibleArgs,
  type SshArgs,
} from "./image/imageArgs";
export { Architecture } from "./platform";
export { HostTarget } from "./targets/host/host";
export * from "./targets/host/hostArgs";
