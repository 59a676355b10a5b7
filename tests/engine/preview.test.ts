import { type AppProject, createApp } from "./appProject";

// What a preview says of a change, to a person and to a program (docs/platforms.md). Of which changes it says what, and that `up`
// then does no more, is in tests/changes, which `npm test` leaves out.

const amd = { image: { platforms: ["linux/amd64"] } };
const both = ["linux/amd64", "linux/arm64"];
let app: AppProject;
beforeAll(async () => (app = await createApp("previewed", amd)));
afterAll(() => app.dispose());

it("a first preview says who needs which platform, and of no change", async () => {
  const { output } = await app.project.preview();
  expect(output).toContain("platforms: linux/amd64 (host.architecture, image.platforms)");
  expect(output).not.toContain("change:");
});

it("a preview in which nothing changes says nothing of a change", async () => {
  await app.project.up();
  app.set({ image: { platforms: ["linux/x86_64"] } });
  const { output, summary } = await app.project.preview();
  expect(summary).toMatchObject({ create: 0, update: 0, replace: 0, delete: 0 });
  expect(output).not.toContain("change:");
});

it("a platform change as --json and --diff: the component's old and new platforms with who needs them, and the same line", async () => {
  app.set({ image: { platforms: both }, host: { architecture: "arm64" } });
  const line =
    "change: linux/amd64 stays (image.platforms; was for host.architecture, image.platforms); " +
    "linux/arm64 comes (host.architecture, image.platforms); builds linux/arm64 (may need emulation); " +
    "host (x86_64 → arm64): released in place: the service is interrupted for less than a second";
  const json = await app.project.preview({ json: true });
  const { steps, diagnostics } = JSON.parse(json.stdout) as {
    steps: { op: string; urn: string; oldState?: State; newState?: State }[];
    diagnostics: { urn: string; message: string }[];
  };
  interface State {
    inputs: { image: { platforms: Record<string, string> } };
  }
  const step = steps.find(({ urn }) => urn.endsWith("::multiarch:index:App::web"))!;
  expect(step.op).toBe("update");
  expect(step.oldState?.inputs.image.platforms).toEqual({
    "linux/amd64": "host.architecture, image.platforms",
  });
  expect(step.newState?.inputs.image.platforms).toEqual({
    "linux/amd64": "image.platforms",
    "linux/arm64": "host.architecture, image.platforms",
  });
  const said = diagnostics.filter(({ message }) => message.startsWith("change:"));
  expect(said).toEqual([expect.objectContaining({ urn: step.urn, message: `${line}\n` })]);

  const diff = await app.project.preview({ diff: true });
  expect(diff.output).toContain(line);
  expect(diff.output).toMatch(/\+ linux\/arm64: "host\.architecture, image\.platforms"/);
  expect(diff.output).toMatch(/\+ architecture: "arm64"/);
});
