// Images without an App: built, joined, copied and given by reference, and a target that stands alone.
const pulumi = require("@pulumi/pulumi");
const multiarch = require("multiarch");
const config = new pulumi.Config();

const platforms = ["linux/amd64", "linux/arm64"];
const at = (/** @type {string} */ repository) => ({
  address: config.require("registry"),
  repository: `test/upgrades-${repository}`,
});
const builder = { name: config.require("builder") };

const built = new multiarch.Image("built", {
  context: "./app",
  platforms,
  registry: at("built"),
  builder,
  reproducible: { epoch: 1 },
  tarball: { path: "./out/built.tar" },
  load: { tag: "multiarch-upgrades:dev" },
});
const joined = new multiarch.Image("joined", {
  sources: {
    "linux/amd64": built.platformRef("linux/amd64"),
    "linux/arm64": built.platformRef("linux/arm64"),
  },
  registry: at("joined"),
});
const copied = new multiarch.Image("copied", {
  copyOf: built.imageUri,
  platforms,
  registry: at("copied"),
});
const given = new multiarch.Image("given", { ref: built.imageUri, platforms });
const target = new multiarch.HostTarget("web", {
  image: joined,
  health: { seconds: 1 },
  stopTimeout: 1,
});
module.exports = {
  uris: [built, joined, copied, given].map(({ imageUri }) => imageUri),
  container: target.containerName,
};
