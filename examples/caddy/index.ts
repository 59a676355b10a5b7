/** One image, and one container that only Caddy on the same host reaches: the Caddyfile beside this program. */
import * as pulumi from "@pulumi/pulumi";
import * as multiarch from "multiarch";

const config = new pulumi.Config();

const web = new multiarch.App("web", {
  image: {
    context: "./app",
    registry: {
      address: config.require("registryAddress"),
      repository: config.require("repository"),
    },
    builder: config.getObject<multiarch.BuilderArgs>("builder"),
  },
  host: {
    // On 127.0.0.1, which is the default: nobody else gets past Caddy.
    ports: [{ container: 8080, host: 8081 }],
    health: { path: "/" },
    // Longer than the app takes to finish what it has begun.
    stopTimeout: 10,
  },
});

export const imageUri = web.imageUri;
