import { createApp, type AppProject } from "./appProject";
import { environment } from "./harness";
import { runDocker } from "./dockerClient";

// The cache in the registry, on the real BuildKit: what a fresh CI machine gets from it.

let app: AppProject;
beforeAll(async () => {
  app = await createApp("cache", {
    image: { platforms: ["linux/amd64", "linux/arm64"] },
    host: null,
  });
});
afterAll(() => app.dispose());

/** Empties the builder, as a new machine's is empty. */
async function emptyBuilder(): Promise<void> {
  await runDocker(["buildx", "prune", "--builder", environment().builder, "--all", "--force"]);
}

/** The lines in which BuildKit says what became of the steps that can be cached. */
function steps(output: string) {
  const lines = output.split("\n");
  // BuildKit numbers a build's steps: `#7 [2/4] RUN …` tells what one is, `#7 CACHED` or `#7 DONE 0.1s` what became of it.
  return {
    cached: lines.filter((line) => /#\d+ CACHED/.test(line)).length,
    ran: lines.filter((line) => /#\d+ \d+\.\d+ built now/.test(line)).length,
  };
}

const dockerfile = (extra: string) => `ARG BASE
FROM \${BASE}
RUN echo "built now" && mkdir -p /www
COPY RELEASE /RELEASE
${extra}`;

it("with an empty builder every step of every platform comes from the registry", async () => {
  app.project.write("app/Dockerfile", dockerfile(""));
  const first = await app.project.up();
  expect(steps(first.output).ran).toBe(2);

  await emptyBuilder();
  // A label changes the image's configuration, and none of its steps.
  app.set({
    image: { platforms: ["linux/amd64", "linux/arm64"], labels: { build: "two" } },
    host: null,
  });
  const second = await app.project.up();
  expect(steps(second.output)).toEqual({ cached: 4, ran: 0 });
});

it("a second app in the same repository overwrites nothing: both still find all their steps", async () => {
  const both = (label: string) => `const multiarch = require("multiarch");
for (const name of ["web", "worker"]) {
  new multiarch.Image(name, {
    context: "./app",
    dockerfileInline: \`ARG BASE\\nFROM \\\${BASE}\\nRUN echo "built now" && echo \${name} > /name\\n\`,
    platforms: ["linux/amd64", "linux/arm64"],
    registry: { address: "${app.front.address}", repository: "${app.repository}" },
    builder: { name: "${environment().builder}" },
    buildArgs: { BASE: "${environment().baseImage}" },
    labels: { build: "${label}" },
  });
}`;
  app.project.write("index.js", both("one"));
  expect(steps((await app.project.up()).output).ran).toBe(4);
  await emptyBuilder();
  app.project.write("index.js", both("two"));
  expect(steps((await app.project.up()).output)).toEqual({ cached: 4, ran: 0 });
});
