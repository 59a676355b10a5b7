/** The first of two stacks: it builds the image once, for what it runs itself and for what production runs. */
import * as pulumi from "@pulumi/pulumi";
import * as multiarch from "multiarch";

const config = new pulumi.Config();

// Exported whole, so that production reads it with types.
export const web = new multiarch.App("web", {
  image: {
    context: "./app",
    platforms: ["linux/amd64", "linux/arm64"],
    registry: {
      address: config.require("registryAddress"),
      repository: config.require("repository"),
    },
    builder: config.getObject<multiarch.BuilderArgs>("builder"),
  },
  host: { architecture: "x86_64", ports: [{ container: 8080 }], health: { path: "/" } },
});
