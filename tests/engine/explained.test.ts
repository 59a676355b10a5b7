import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { createApp, type AppProject, type Settings } from "./appProject";
import { crashingProgram, strangeProgram } from "./ownBuildkit";

// Faults whose raw text explains nothing, provoked on the real engine, BuildKit and QEMU: each gets its sentence.

let app: AppProject;
beforeAll(async () => {
  app = await createApp("explained", { host: null });
  const file = (name: string) => join(app.project.directory, "app", name);
  writeFileSync(file("strange"), strangeProgram(), { mode: 0o755 });
  writeFileSync(file("crash"), crashingProgram(), { mode: 0o755 });
});
afterAll(() => app.dispose());

async function failed(platform: string, lines: string, image: Settings["image"] = {}) {
  app.project.write("app/Dockerfile", `ARG BASE\nFROM \${BASE}\n${lines}\n`);
  app.set({ image: { platforms: [platform], ...image }, host: null });
  return (await app.project.up({ expectFailure: true })).output;
}

/** Refuses every write to the registry in its own words. */
function refuse(status: number, code: string, message: string, of = /./): void {
  app.front.intercept(({ method, headers }) =>
    ["PUT", "POST"].includes(method) && of.test(headers["content-type"] ?? "-")
      ? {
          status,
          headers: { "content-type": "application/json" },
          body: JSON.stringify({ errors: [{ code, message }] }),
        }
      : undefined,
  );
}
afterEach(() => app.front.intercept(undefined));

it("a step of another architecture, of which the provider's error tells the exit code only", async () => {
  const output = await failed("linux/amd64", `COPY --chmod=755 strange /strange\nRUN ["/strange"]`);
  expect(output).toContain("exit code: 1");
  expect(output.slice(output.indexOf("\nDiagnostics:"))).not.toContain("exec format error");
  expect(output).toMatch(/a step ran code of another architecture than linux\/amd64/);
  expect(output).toMatch(/what the step printed: `docker buildx history logs --builder \S+ \w+`/);
});

it("a crash of QEMU", async () => {
  const output = await failed(
    "linux/arm64",
    `COPY --chmod=755 crash /crash\nRUN /crash; code=$?; exit $code`,
  );
  expect(output).toContain("exit code: 139");
  expect(output).toMatch(/QEMU crashed while it emulated a step for linux\/arm64/);
});

it("a step that fails by itself gets no sentence, only the way to what it printed", async () => {
  const output = await failed(
    "linux/amd64",
    `RUN echo "403 Forbidden, unauthorized: x509"; exit 3`,
  );
  expect(output).toContain("exit code: 3");
  expect(output).toMatch(/what the step printed: `docker buildx history logs/);
  expect(output).not.toMatch(/error: (localhost|a step|the certificate)/);
});

it("a registry that refuses an index, with the way out for one platform", async () => {
  refuse(400, "MANIFEST_INVALID", "manifest invalid", /image\.index|manifest\.list/);
  const output = await failed("linux/amd64", "RUN echo index");
  expect(output).toMatch(
    /takes no indexes\. The image of one platform can do without: image\.index: false/,
  );
});

it.each([
  [401, "UNAUTHORIZED", "authentication required", /docker login localhost:/],
  [403, "DENIED", "requested access to the resource is denied", /lack the right to push/],
])("a push that is answered with %s", async (status, code, message, sentence) => {
  refuse(status, code, message);
  expect(await failed("linux/amd64", `RUN echo ${code}`)).toMatch(sentence);
});
