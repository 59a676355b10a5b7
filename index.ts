/** Reads the stack's configuration and declares one App. `Pulumi.yaml` says what each setting means. */
import * as pulumi from "@pulumi/pulumi";
import * as multiarch from "./components";

const config = new pulumi.Config();
const baseImage = config.get("baseImage");

const web = new multiarch.App("web", {
  image: {
    context: config.get("context") ?? "./examples/web",
    platforms: config.getObject<string[]>("platforms"),
    registry: {
      address: config.get("registryAddress"),
      // Its absence is told by the App, with the field's path.
      repository: config.get("repository")!,
      username: config.get("registryUsername"),
      password: config.getSecret("registryPassword"),
    },
    builder: config.get("builder"),
    buildArgs: baseImage === undefined ? {} : { BASE: baseImage },
    ref: config.get("ref"),
  },
  host: {
    architecture: config.get<multiarch.Architecture>("architecture"),
    ports: [{ container: 8080, host: config.getNumber("port") ?? 8080 }],
    health: { path: "/" },
  },
});

export const imageUri = web.imageUri;
export const platforms = web.platforms;
export const url = web.url;
export const logsCommand = web.logsCommand;
