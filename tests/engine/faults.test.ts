import { createApp, docker, freePort, registry, type AppProject } from "./appProject";
import { environment } from "./harness";

// What goes wrong on the way, and how the next `up` gets out of it. The tests follow one App through its troubles.

let app: AppProject;
const platforms = { image: { platforms: ["linux/amd64", "linux/arm64"] } };

beforeAll(async () => {
  app = await createApp("faults", platforms);
  await app.project.up();
});
afterAll(() => app.dispose());

interface Released {
  imageUri: string;
  images: { ref: string }[];
}

const release = (text: string) => app.project.write("app/RELEASE", text);

/** The command that a warning names, as arguments of the CLI. */
function commandIn(output: string): string[] {
  const command = /`pulumi (up --replace [^`]*)`/.exec(output.replace(/\s*\n\s*/g, " "))?.[1];
  expect(command).toBeDefined();
  const words = command!.split(" ").map((word) => word.replaceAll("'", ""));
  return [...words, "--yes", "--skip-preview"];
}

const crashing = `#!/bin/sh\necho "cannot open the database"\nexit 3\n`;
const silent = `#!/bin/sh\necho "warming up"\nexec sleep 1000\n`;
let good = "";

it("a release that crashes at start: its last lines are shown, the old one serves, the outputs stay those of the old one, and the next good up works", async () => {
  const { readFileSync } = await import("node:fs");
  good = readFileSync(`${app.project.directory}/app/serve.sh`, "utf8");
  app.project.write("app/serve.sh", crashing);
  const before = await app.project.outputs();
  const ports = [{ container: 8080, host: await freePort() }];
  app.set({ ...platforms, host: { ports } });
  // Known in the preview, and published only after the release.
  const preview = await app.project.preview();
  expect(preview.output).toContain(
    `"http://127.0.0.1:${app.port}" => "http://127.0.0.1:${ports[0]!.host}"`,
  );
  const { output } = await app.project.up({ expectFailure: true });
  expect(output).toContain("cannot open the database");
  // The diagnostics at the end list resources in any order.
  const explanation = output.indexOf("web: the release failed: the new release isn't healthy:");
  expect(explanation).toBeGreaterThan(0);
  expect(explanation).toBeLessThan(output.indexOf(`running "sh -s -- release`));
  expect(await app.project.outputs()).toEqual(before);
  expect(await app.page()).toBe("release one on x86_64");
  app.set(platforms);
  app.project.write("app/serve.sh", good);
  release("release two");
  await app.project.up();
  expect(await app.page()).toBe("release two on x86_64");
});

it("a release that never gets healthy: the old one serves, and taking the change back works", async () => {
  app.set({ ...platforms, host: { health: { path: "/", timeout: 3 } } });
  app.project.write("app/serve.sh", silent);
  const { output } = await app.project.up({ expectFailure: true });
  expect(output).toMatch(/answered nothing after 3 s/);
  expect(output).toContain("warming up");
  expect(await app.page()).toBe("release two on x86_64");
  app.project.write("app/serve.sh", good);
  app.set(platforms);
  await app.project.up();
  expect(await app.page()).toBe("release two on x86_64");
});

it("a registry that answers 503 to writes: nothing is deployed, and the next up sends what is missing", async () => {
  release("release three");
  app.front.intercept(({ method }) =>
    ["PUT", "POST", "PATCH"].includes(method) ? { status: 503 } : undefined,
  );
  const { output } = await app.project.up({ expectFailure: true });
  expect(output).toMatch(/isn't well at the moment/);
  expect(await app.page()).toBe("release two on x86_64");
  app.front.intercept(undefined);
  await app.project.up();
  expect(await app.page()).toBe("release three on x86_64");
});

it("a cache that can't be written fails nothing", async () => {
  release("release four");
  const refusedPuts: string[] = [];
  app.front.intercept(({ method, path }) => {
    if (method !== "PUT" || !path.includes("/manifests/cache-")) return undefined;
    refusedPuts.push(path);
    return { status: 403, body: `{"errors":[{"code":"DENIED","message":"immutable"}]}` };
  });
  await app.project.up();
  app.front.intercept(undefined);
  expect(refusedPuts.length).toBeGreaterThan(0);
  expect(await app.page()).toBe("release four on x86_64");
});

it("a digest that somebody deleted is told by the next up, and a deleted index by the next preview, with a command that mends it", async () => {
  const held = async (reference: string) =>
    (await registry("HEAD", `${app.repository}/manifests/${reference.split("@")[1]}`)).status;
  const remove = async (reference: string) =>
    (await registry("DELETE", `${app.repository}/manifests/${reference.split("@")[1]}`)).status;
  const { imageUri: index, images } = (await app.project.outputs()) as unknown as Released;
  const [deployed] = images as [{ ref: string }];
  expect(await remove(index)).toBe(202);
  const preview = await app.project.preview();
  expect(preview.output).toContain(`${index} is no longer in the registry`);
  expect(await remove(deployed.ref)).toBe(202);
  const { output } = await app.project.up();
  expect(output).toContain(`${deployed.ref} is no longer in the registry`);
  await app.project.pulumi(commandIn(output));
  // Built again, it may have other digests: what counts is that the registry holds what the state then names.
  const rebuilt = (await app.project.outputs()) as unknown as Released;
  for (const reference of [rebuilt.imageUri, ...rebuilt.images.map(({ ref }) => ref)])
    expect(await held(reference)).toBe(200);
  for (const again of [await app.project.preview(), await app.project.up()])
    expect(again.output).not.toContain("no longer in the registry");
  expect(await app.page()).toBe("release four on x86_64");
});

it("an up killed in the middle of a build: what ran still serves, and the next up converges", async () => {
  app.project.write("app/serve.sh", `${good}# changed\n`);
  release("release five");
  const dockerfile = `ARG BASE\nFROM \${BASE}\nRUN mkdir -p /www && uname -m > /built-on && sleep 5\nCOPY --chmod=755 serve.sh /serve.sh\nCOPY RELEASE /RELEASE\nCMD ["/serve.sh"]\n`;
  app.project.write("app/Dockerfile", dockerfile);
  const run = app.project.start("up");
  await run.waitFor("sleep 5");
  run.kill("SIGKILL");
  await run.done;
  expect(await app.page()).toBe("release four on x86_64");
  await app.project.pulumi(["cancel", "test", "--yes"]);
  const { output } = await app.project.up();
  expect(await app.page()).toBe("release five on x86_64");
  // What ran when this up began isn't what it released; that is no finding.
  expect(output).toContain("the new release serves");
  expect(output).not.toContain("runs as");
});

it("a host that runs something else than the state says is told by the next up, with a command that mends it", async () => {
  const { env } = environment();
  const [container] = app.containers()[0]!.split(" ") as [string];
  docker(env, "rm", "--force", container);
  const { output } = await app.project.up();
  expect(output).toContain(`nothing runs as ${container} on this machine`);
  const { output: mended } = await app.project.pulumi(commandIn(output));
  expect(mended).toContain("the new release serves");
  expect(mended).not.toContain("runs as");
  expect(await app.page()).toBe("release five on x86_64");
  expect((await app.project.up()).output).not.toContain("runs as");
});

it("a registry that refuses indexes says so, with the ways out", async () => {
  release("release six");
  app.front.intercept(({ method, path, headers }) =>
    method === "PUT" &&
    path.includes("/manifests/") &&
    /image\.index|manifest\.list/.test(headers["content-type"] ?? "")
      ? {
          status: 400,
          headers: { "content-type": "application/json" },
          body: `{"errors":[{"code":"MANIFEST_INVALID","message":"manifest invalid"}]}`,
        }
      : undefined,
  );
  const { output } = await app.project.up({ expectFailure: true });
  app.front.intercept(undefined);
  expect(output).toMatch(/refused the manifest of the index/);
  expect(await app.page()).toBe("release five on x86_64");
});
