/** One program for both kinds of pipeline: it builds by itself, or joins what native runners built. */
import * as pulumi from "@pulumi/pulumi";
import * as multiarch from "multiarch";

const config = new pulumi.Config();

/**
 * What the pipeline's native runners pushed, as JSON: `{"linux/amd64":"repository@sha256:…","linux/arm64":…}`. In the environment and not
 * in the stack's config, because it is a fact of one run: `pulumi config set` would leave it in a file that the next run reads.
 */
const sources = process.env.IMAGE_SOURCES;

const origin: multiarch.ImageArgs = !sources
  ? {
      context: "./app",
      // Made on a fresh runner, with emulation; used as it is on a machine that has it. The layers' cache is in the registry, by default.
      builder: config.getObject<multiarch.BuilderArgs>("builder") ?? {
        name: "multiarch",
        driver: multiarch.BuilderDriver.DockerContainer,
        installEmulators: true,
      },
    }
  : { sources: JSON.parse(sources) as Record<string, string> };

const web = new multiarch.App("web", {
  // Fargate runs arm64; amd64 is for laptops and for the tests of other teams.
  image: { ...origin, platforms: ["linux/amd64", "linux/arm64"] },
  // By a name that the pipelines can know: native runners push to it before this program runs.
  repository: { name: config.require("repository") },
  ecs: {
    architecture: "arm64",
    desiredCount: 2,
    containerPort: 8080,
    loadBalancer: { ingressCidrs: ["0.0.0.0/0"], healthPath: "/" },
  },
});

/** What the pipelines call IMAGE_REPOSITORY. */
export const repositoryUrl = web.repository?.repositoryUrl;
export const imageUri = web.imageUri;
export const url = web.url;
export const logsCommand = web.logsCommand;
