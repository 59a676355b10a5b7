import { createDecipheriv, pbkdf2Sync } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { spawn } from "node:child_process";
import { findProcesses } from "../../local/service";
import { pulumiLocks } from "../../local/stack";
import { addMissing, detach, hasKey, makeSalt } from "../../local/stackConfig";
import { planTests } from "../../local/testCommand";
import { atLeast } from "../../local/tools";

const defaults = { target: "host", platforms: ["linux/amd64", "linux/arm64"], port: 8080 };
const add = (text: string) => addMissing(text, "multiarch", defaults, "v1:salt");

describe("Pulumi.local.yaml", () => {
  test("is written where there is none", () => {
    expect(add("").split("\n").slice(1)).toEqual([
      "encryptionsalt: v1:salt",
      "config:",
      "  multiarch:target: host",
      "  multiarch:platforms: [linux/amd64, linux/arm64]",
      "  multiarch:port: 8080",
      "",
    ]);
  });

  test("gets only what is missing: edits, comments and other keys stay", () => {
    const text = `encryptionsalt: v1:mine
config:
    # I want the other one
    multiarch:target: ecs
    aws:region: eu-central-1
    multiarch:platforms:
      - linux/arm64
`;
    expect(add(text)).toBe(text.replace("config:\n", "config:\n    multiarch:port: 8080\n"));
  });

  test("is left alone when nothing is missing", () => {
    expect(add(add(""))).toBe(add(""));
  });

  test("may be empty but for `config: {}`, and keys may be quoted", () => {
    expect(add("config: {}\n")).toContain("config:\n  multiarch:target: host\n");
    expect(add('config:\n  "multiarch:port": 9\n')).not.toContain("8080");
  });

  test("made with a state that is gone: what belonged to that goes, the rest stays", () => {
    const text = "encryptionsalt: v1:old\nconfig:\n  multiarch:port: 9\n  multiarch:target: host\n";
    const kept = detach(text, "multiarch", ["port"], "v1:salt");
    expect(kept).toBe("config:\n  multiarch:target: host\n");
    expect(detach(text, "multiarch", ["port"], "v1:old")).toBe(text);
    expect(detach("config: {}\n", "multiarch", ["port"], "v1:salt")).toBe("config: {}\n");
  });

  test("a key is not found in a longer one, nor in a comment", () => {
    const text = "config:\n  multiarch:portal: 1\n  # multiarch:port: 2\n";
    expect(hasKey(text, "multiarch", "port")).toBe(false);
  });

  test("a text that YAML would read as something else is quoted", () => {
    const text = addMissing("", "multiarch", { a: "yes", b: "8080", c: "x: y" }, "v1:salt");
    expect(text).toContain('multiarch:a: "yes"\n  multiarch:b: "8080"\n  multiarch:c: "x: y"\n');
  });
});

test("the salt opens with the passphrase, in Pulumi's form", () => {
  const [version, salt = "", inner, nonce = "", sealed = ""] = makeSalt("secret").split(":");
  expect([version, inner]).toEqual(["v1", "v1"]);
  const bytes = Buffer.from(sealed, "base64");
  const key = pbkdf2Sync("secret", Buffer.from(salt, "base64"), 1_000_000, 32, "sha256");
  const cipher = createDecipheriv("aes-256-gcm", key, Buffer.from(nonce, "base64"));
  cipher.setAuthTag(bytes.subarray(-16));
  expect(cipher.update(bytes.subarray(0, -16), undefined, "utf8") + cipher.final("utf8")).toBe(
    "pulumi",
  );
});

test("a Pulumi lock is dead when its process is, or its number is another's by now", () => {
  const directory = mkdtempSync(join(tmpdir(), "multiarch-locks-"));
  const lock = (name: string, pid: number, host = hostname()) =>
    writeFileSync(join(directory, name), JSON.stringify({ pid, hostname: host, username: "me" }));
  lock("dead.json", 2 ** 22 + 1);
  lock("reused.json", 1);
  lock("elsewhere.json", 2 ** 22 + 1, "another-machine");
  writeFileSync(join(directory, "broken.json"), "{");
  writeFileSync(join(directory, "dead.json.attrs"), '{"user.cache_control":""}');
  const dead = pulumiLocks(directory).filter((found) => !found.alive);
  expect(dead.map((found) => found.pid).sort()).toEqual([1, 2 ** 22 + 1]);
  expect(pulumiLocks(directory)).toHaveLength(3);
  expect(pulumiLocks(join(directory, "none"))).toEqual([]);
  rmSync(directory, { recursive: true });
});

test("a service is found by its marker and program, and not by its marker alone", async () => {
  const marker = join(tmpdir(), `multiarch-marker-${process.pid}`);
  const child = spawn("sh", ["-c", "read x", "sh", marker], {
    stdio: ["pipe", "ignore", "ignore"],
  });
  await new Promise((resolve) => child.once("spawn", resolve));
  expect(findProcesses(marker, "sh")).toEqual([child.pid]);
  expect(findProcesses(marker, "dockerd")).toEqual([]);
  expect(findProcesses(`${marker}-other`)).toEqual([]);
  child.kill("SIGKILL");
});

test("versions are compared as numbers, within a major version", () => {
  expect(atLeast("v3.259.0", "3.248.0")).toBe(true);
  expect(atLeast("pulumi 3.99.1\n", "3.248.0")).toBe(false);
  expect(atLeast("4.0.0", "3.248.0")).toBe(false);
  expect(atLeast("no version", "3.248.0")).toBe(false);
});

test("npm test reads names of projects, and gives jest the rest", () => {
  const usual = ["--selectProjects", "unit", "components", "fuzz", "hostile", "engine", "faults"];
  expect(planTests([])).toEqual({ jestArgs: usual, needsEnvironment: true, all: true });
  expect(planTests(["unit"])).toMatchObject({
    jestArgs: ["--selectProjects", "unit"],
    needsEnvironment: false,
    all: false,
  });
  expect(planTests(["unit", "engine", "plan", "-t", "x"])).toMatchObject({
    jestArgs: ["plan", "-t", "x", "--selectProjects", "unit", "engine"],
    needsEnvironment: true,
  });
  expect(planTests(["platform"])).toMatchObject({
    jestArgs: ["platform", ...usual],
    needsEnvironment: true,
  });
});
