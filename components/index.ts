export { App, type AppArgs } from "./app";
export { appOutputs, type AppOutputs } from "./appOutputs";
export { Image, type PlatformImage } from "./image/image";
export { type BuilderArgs, BuilderDriver, type BuilderTlsArgs } from "./builders/builderArgs";
export {
  type AttestationsArgs,
  BuildNetwork,
  type CacheArgs,
  CacheMode,
  Compression,
  type ImageArgs,
  type LoadArgs,
  type RegistryArgs,
  type RegistryCredentialsArgs,
  type ReproducibleArgs,
  type SshArgs,
  type TarballArgs,
  TarballFormat,
  type VerifyArgs,
  VerifyDepth,
} from "./image/imageArgs";
export { Architecture } from "./platform";
export { Repository } from "./registry/repository";
export type {
  ExistingRepositoryArgs,
  ImageRepositoryArgs,
  LifecycleRuleArgs,
  RepositoryArgs,
} from "./registry/repositoryArgs";
export type { AwsEnvironmentArgs } from "./targets/aws/environment";
export type { LoadBalancerArgs } from "./targets/aws/loadBalancer";
export type { NetworkArgs } from "./targets/aws/network";
export type { ImageOutputsArgs, TargetImageArgs } from "./targets/targetImage";
export { Ec2Target } from "./targets/ec2/ec2";
export type { Ec2Args, Ec2TargetArgs } from "./targets/ec2/ec2Args";
export { EcsTarget } from "./targets/ecs/ecs";
export {
  type EcsArgs,
  type EcsHealthArgs,
  EcsLaunchType,
  type EcsTargetArgs,
} from "./targets/ecs/ecsArgs";
export { HostTarget } from "./targets/host/host";
export {
  type HostArgs,
  type HostHealthArgs,
  type HostPortArgs,
  type HostRegistryArgs,
  type HostReleaseArgs,
  HostRestart,
  HostStrategy,
  type HostTargetArgs,
  type HostVolumeArgs,
} from "./targets/host/hostArgs";
export type { SshAddressArgs, SshBastionArgs, SshHostArgs } from "./targets/host/sshArgs";
export { LambdaTarget } from "./targets/lambda/lambda";
export * from "./targets/lambda/lambdaArgs";
