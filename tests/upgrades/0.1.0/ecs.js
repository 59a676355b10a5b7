// An App as a service of ECS.
const pulumi = require("@pulumi/pulumi");
const multiarch = require("multiarch");
const config = new pulumi.Config();

const app = new multiarch.App("web", {
  image: {
    context: "./app",
    platforms: ["linux/amd64", "linux/arm64"],
    builder: { name: config.require("builder") },
    reproducible: { epoch: 1 },
  },
  repository: { forceDelete: true },
  ecs: {
    architecture: "arm64",
    containerPort: 18932,
    loadBalancer: { ingressCidrs: ["203.0.113.0/24"] },
    environment: { LEVEL: "info" },
    steadyStateTimeout: 3,
    tags: { team: "web" },
  },
});
module.exports = { imageUri: app.imageUri, url: app.url, logsCommand: app.logsCommand };
