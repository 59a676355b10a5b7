import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import * as pulumi from "@pulumi/pulumi";
import { runningContainer } from "../../components/targets/host/hostWatch";

const folder = mkdtempSync(join(tmpdir(), "multiarch-hostWatch-"));
const path = process.env.PATH!;
const asked = join(folder, "asked");

afterEach(() => {
  process.env.PATH = path;
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A client that notes what it is asked, and answers with a script's lines. */
function client(name: string, lines: string): void {
  const file = join(folder, name);
  writeFileSync(asked, "");
  writeFileSync(file, `#!/bin/sh\necho "${name} $*" >> ${asked}\n${lines}\n`);
  chmodSync(file, 0o755);
  process.env.PATH = [folder, path].join(delimiter);
}

const look = async (...names: string[]) => {
  const found = await Promise.all(names.map((name) => runningContainer(name)));
  return found.map(({ running }) => running);
};

it("asks for all containers at once: one that runs, one that is stopped, one that is gone, and one that can't be told", async () => {
  client(
    "docker",
    `echo "/web true 0a1b"
echo "/stopped false 2c3d"
echo "Error response from daemon: No such container: gone" >&2
echo "Error response from daemon: internal error" >&2
exit 1`,
  );
  expect(await look("web", "gone", "stopped", "hurt")).toEqual(["0a1b", "", "", undefined]);
  const line = readFileSync(asked, "utf8");
  expect(line).toMatch(/^docker container inspect .* web gone stopped hurt\n$/);
});

it("asks again in a later turn", async () => {
  client("docker", `echo "/web true 0a1b"`);
  expect(await look("web")).toEqual(["0a1b"]);
  client("docker", `echo "/web true 2c3d"`);
  expect(await look("web")).toEqual(["2c3d"]);
});

it("asks when the first of them may be asked for", async () => {
  client("docker", `echo "/web true 0a1b"\necho "/late true 2c3d"`);
  const never = pulumi.output(new Promise<string>(() => {}));
  let known = () => {};
  const later = pulumi.output(new Promise<void>((resolve) => (known = resolve)));
  const both = Promise.all([runningContainer("late", never), runningContainer("web", later)]);
  await new Promise((passed) => setTimeout(passed, 50));
  expect(readFileSync(asked, "utf8")).toBe("");
  known();
  expect((await both).map(({ running }) => running)).toEqual(["2c3d", "0a1b"]);
  expect(readFileSync(asked, "utf8")).toMatch(/^docker container inspect .* late web\n$/);
});

it("can't tell where no engine answers", async () => {
  client("docker", `echo "Cannot connect to the Docker daemon" >&2\nexit 1`);
  expect(await look("web", "other")).toEqual([undefined, undefined]);
});

it("asks Podman where there is no Docker", async () => {
  rmSync(join(folder, "docker"), { force: true });
  client("podman", `echo "web true 0a1b"\necho "Error: no such container other" >&2\nexit 125`);
  process.env.PATH = folder;
  expect(await look("web", "other")).toEqual(["0a1b", ""]);
});
