// An App on the machine that runs Pulumi.
const pulumi = require("@pulumi/pulumi");
const multiarch = require("multiarch");
const config = new pulumi.Config();

const app = new multiarch.App("web", {
  image: {
    context: "./app",
    platforms: ["linux/amd64", "linux/arm64"],
    registry: { address: config.require("registry"), repository: "test/upgrades-host" },
    builder: { name: config.require("builder") },
    labels: { team: "web" },
    tags: ["stable"],
    reproducible: { epoch: 1 },
  },
  host: {
    ports: [{ container: 8080, host: 18931 }],
    environment: { LEVEL: "info", TOKEN: pulumi.secret("made up") },
    extraHosts: { "db.test": "127.0.0.1" },
    memory: 64,
    health: { seconds: 1 },
    stopTimeout: 1,
  },
});
module.exports = { imageUri: app.imageUri, images: app.image.images, url: app.url };
