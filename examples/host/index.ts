/** One image and one container of it on the machine that runs Pulumi. */
import * as pulumi from "@pulumi/pulumi";
import * as multiarch from "multiarch";

const config = new pulumi.Config();

const web = new multiarch.App("web", {
  image: {
    context: "./app",
    registry: {
      address: config.require("registryAddress"),
      repository: config.require("repository"),
      // Both absent: the credentials that `docker login` stored on this machine.
      username: config.get("registryUsername"),
      password: config.getSecret("registryPassword"),
    },
    builder: config.getObject<multiarch.BuilderArgs>("builder"),
  },
  host: {
    // The platform that is built follows from this line.
    architecture: config.get<multiarch.Architecture>("architecture"),
    ports: [{ container: 8080 }],
    health: { path: "/", timeout: 30 },
    memory: 64,
    restart: multiarch.HostRestart.UnlessStopped,
  },
});

export const imageUri = web.imageUri;
export const url = web.url;
export const logsCommand = web.logsCommand;
