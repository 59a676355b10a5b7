/** One image on hosts over SSH, one after another, and a second service of it on the same hosts. */
import * as pulumi from "@pulumi/pulumi";
import * as multiarch from "multiarch";

const config = new pulumi.Config();

const ssh: multiarch.SshHostArgs = {
  // { one: { address: "203.0.113.7", hostKey: "ssh-ed25519 AAAA…" }, two: { … } }
  hosts: config.requireObject("hosts"),
  user: config.get("sshUser"),
  privateKey: config.requireSecret("sshKey"),
};

const web = new multiarch.App("web", {
  image: {
    context: "./app",
    registry: {
      address: config.require("registryAddress"),
      repository: config.require("repository"),
      // They are given to the hosts for the pull alone, and left on none.
      username: config.get("registryUsername"),
      password: config.getSecret("registryPassword"),
    },
    builder: config.getObject<multiarch.BuilderArgs>("builder"),
  },
  host: {
    architecture: config.get<multiarch.Architecture>("architecture"),
    ssh,
    ports: [{ container: 8080, host: 80, address: "0.0.0.0" }],
    health: { path: "/", timeout: 30 },
  },
});

// Another port for the host alone, such as a proxy there would ask.
new multiarch.HostTarget("canary", {
  image: web.image,
  architecture: config.get<multiarch.Architecture>("architecture"),
  ssh,
  ports: [{ container: 8080, host: 8081 }],
  memory: 64,
});

export const imageUri = web.imageUri;
export const url = web.url;
export const logsCommand = web.logsCommand;
