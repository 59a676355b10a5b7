// An App on an instance of EC2.
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
  repository: { forceDelete: true, keepReleases: 3 },
  ec2: {
    instanceType: "t3.small",
    containerPort: 8080,
    ingressCidrs: ["203.0.113.0/24"],
    health: { seconds: 1 },
    environment: { LEVEL: "info" },
    tags: { team: "web" },
  },
});
module.exports = { imageUri: app.imageUri, url: app.url, logsCommand: app.logsCommand };
