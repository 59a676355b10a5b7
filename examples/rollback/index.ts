/** `pulumi config set release <imageUri>` and `pulumi up` go back; `pulumi config rm release` and `pulumi up` go forward again. */
import * as pulumi from "@pulumi/pulumi";
import * as multiarch from "multiarch";

const config = new pulumi.Config();
const release = config.get("release");

const web = new multiarch.App("web", {
  image: release
    ? { ref: release }
    : {
        context: "./app",
        registry: {
          address: config.require("registryAddress"),
          repository: config.require("repository"),
        },
        builder: config.getObject<multiarch.BuilderArgs>("builder"),
      },
  host: { ports: [{ container: 8080 }], health: { path: "/" } },
});

export const imageUri = web.imageUri;
export const url = web.url;
