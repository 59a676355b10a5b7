/** The second of two stacks: it builds nothing, and runs the very image that staging runs. */
import * as pulumi from "@pulumi/pulumi";
import * as multiarch from "multiarch";

const config = new pulumi.Config();
const staging = new pulumi.StackReference(config.require("staging"));
const tested = multiarch.appOutputs(staging, "web");

export const web = new multiarch.App("web", {
  // Verified again: that it is in the registry, and holds arm64 code for arm64.
  image: { ref: tested.imageUri },
  host: {
    architecture: "arm64",
    ssh: {
      hosts: config.requireObject("hosts"),
      privateKey: config.requireSecret("sshKey"),
    },
    ports: [{ container: 8080, host: 80, address: "0.0.0.0" }],
    health: { path: "/" },
  },
});
export const testedAt = tested.url;
