// An App as a function of Lambda.
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
  lambda: {
    architecture: "arm64",
    memory: 512,
    environment: { LEVEL: "info" },
    functionUrl: {},
    tags: { team: "web" },
  },
});
module.exports = { imageUri: app.imageUri, url: app.url, logsCommand: app.logsCommand };
