/** The kind of a builder that is made where it isn't there (https://docs.docker.com/build/builders/drivers/). */
export const BuilderDriver = {
  /** BuildKit in a container of a Docker engine. */
  DockerContainer: "docker-container",
  /** A BuildKit that runs already, reached by its address. */
  Remote: "remote",
} as const;
export type BuilderDriver = (typeof BuilderDriver)[keyof typeof BuilderDriver];

/** Files for mutual TLS, on the machine that runs Pulumi. */
export interface BuilderTlsArgs {
  /** The authority that signed the builder's certificate; PEM. */
  ca: string;
  /** This client's certificate; PEM. */
  certificate?: string;
  /** The certificate's key; PEM. */
  key?: string;
  /**
   * The name that the builder's certificate is for.
   * @default the host of `endpoint`
   */
  serverName?: string;
}

/**
 * A buildx builder. With `driver`, it is made where no builder of that name is on the machine that runs Pulumi, once a build
 * is due; one that is there is checked (its driver and address, not its TLS and options), never changed. Without, it must be there, of whatever driver
 * (https://docs.docker.com/build/builders/).
 */
export interface BuilderArgs {
  /** The name that `docker buildx ls` shows. */
  name: string;
  /**
   * What is made where no builder has that name.
   * @default nothing is made
   */
  driver?: BuilderDriver;
  /**
   * Where it is. Remote: `tcp://host:1234`, `ssh://user@host`, `unix:///run/buildkit/buildkitd.sock`. Docker-container: the engine,
   * as a context's name, `ssh://user@host` or `tcp://host:2376`.
   * @default docker-container: the current engine
   */
  endpoint?: string;
  /** TLS for `tcp://`, with the driver remote. */
  tls?: BuilderTlsArgs;
  /** Options of the driver docker-container, such as `{ network: "host", image: "moby/buildkit:v0.25.1" }` (`--driver-opt`). */
  driverOptions?: Record<string, string>;
  /** With the driver docker-container: the path of a buildkitd.toml, on the machine that runs Pulumi. */
  config?: string;
  /**
   * Whether QEMU is registered on the builder's machine where the builder can't run a planned platform: by binfmt-support where
   * that is this machine and this user is root, else by a privileged container of its engine.
   * @default false
   */
  installEmulators?: boolean;
}
