// An App on two targets of different architectures.
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
  ec2: { instanceType: "t3.small" },
  ecs: { architecture: "arm64", steadyStateTimeout: 3 },
});
module.exports = { imageUri: app.imageUri, url: app.url, logsCommand: app.logsCommand };
