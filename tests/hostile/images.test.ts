import { randomBytes } from "node:crypto";
import { eachOf } from "../../components/registry/attempt";
import type { Settings } from "../../components/verification/main";
import { FakeRegistry, types } from "../unit/fakeRegistry";
import { amd64, x86, zstdFrame } from "../unit/entrypointImage";
import { compileGate, type Outcome, removeGate, runGate } from "./gateProgram";
import { gz, type HostileCase, image, layerCases } from "./hostileLayers";
import { registryCases, waitedFor } from "./hostileRegistries";
import { many, rawTar } from "./rawTar";

const program = { name: "app", mode: 0o755, body: x86 };
const ordinary = (at: number) =>
  `usr/lib/node_modules/package-${at % 997}/lib/dist/module-${at}.js`;

/** Large, and good: these pass. */
const largeCases: readonly HostileCase[] = [
  {
    name: "a layer of 200,000 files",
    set: image([gz(rawTar([...many(200_000, (at) => ({ name: ordinary(at) })), program]))]),
  },
  {
    name: "a layer of 100,000 programs",
    set: image([
      gz(
        rawTar([
          ...many(100_000, (at) => ({ name: ordinary(at), mode: 0o755, body: x86 })),
          program,
        ]),
      ),
    ]),
  },
  {
    name: "a layer of 150 MiB that doesn't compress",
    set: image([rawTar([{ name: "model", body: randomBytes(150 << 20) }, program])]),
  },
  {
    name: "a layer of zstd with a window of 8 MiB",
    set: image([
      zstdFrame(rawTar([{ name: "model", body: randomBytes(60 << 20) }, program]), 0x68),
    ]),
  },
  {
    name: "127 layers",
    set: image([
      gz(rawTar([program])),
      ...Array.from({ length: 126 }, (_, at) => gz(rawTar([{ name: `file${at}` }]))),
    ]),
  },
  {
    name: "an index of 30 images with their attestations",
    set: (registry) => {
      const digest = image([gz(rawTar([program]))])(registry);
      const others = Array.from({ length: 30 }, (_, at) =>
        registry.image({ os: "linux", architecture: `other${at}` }),
      );
      const child = { mediaType: types.manifest, digest, size: 1, platform: amd64 };
      const attestations = [child, ...others].map((one) => registry.attestation(one.digest));
      return registry.index([child, ...others, ...attestations]).digest;
    },
  },
];

const cases = [...registryCases, ...layerCases, ...largeCases];
const all = [...waitedFor, ...cases];
const outcomes = new Map<string, Outcome>();
const failures = new Map<string, unknown>();

async function run({ name, set, also }: HostileCase): Promise<void> {
  const registry = await FakeRegistry.start();
  const elsewhere = await FakeRegistry.start();
  try {
    const reference = registry.reference(set(registry, elsewhere));
    const settings = { name: "web", reference, platforms: ["linux/amd64"], depth: "entrypoint" };
    outcomes.set(
      name,
      await runGate(settings as Settings, { username: "ann", password: "s3cret" }),
    );
    also?.(registry, elsewhere);
  } catch (error) {
    failures.set(name, error);
  } finally {
    await Promise.all([registry.stop(), elsewhere.stop()]);
  }
}

// Before all tests, a few at a time. Those that are only waited for take no time of the others.
beforeAll(async () => {
  compileGate();
  await Promise.all([eachOf(waitedFor, run), eachOf(cases, run, 3)]);
  if (process.env.MULTIARCH_SHOW)
    for (const [name, o] of outcomes)
      process.stderr.write(
        `${o.seconds.toFixed(1)} s ${o.megabytes.toFixed(0)} MB ${o.code} ${name}: ${o.stderr.slice(0, 250)} ${JSON.stringify(o.report?.warnings)}\n`,
      );
}, 180_000);
afterAll(removeGate);

test("there are at least 50 hostile images and registries, each with a name of its own", () => {
  expect(layerCases.length + registryCases.length).toBeGreaterThanOrEqual(50);
  expect(new Set(all.map(({ name }) => name)).size).toBe(all.length);
});

describe("verifying ends with a clear error or warning, in time and in less than 200 MB:", () => {
  test.each([...waitedFor, ...layerCases, ...registryCases].map((one) => [one.name, one] as const))(
    "%s",
    (name, { refused, warned }) => {
      const { code, stderr, report, seconds, megabytes } = resultOf(name);
      if (refused) {
        expect(stderr).toMatch(refused);
        expect(code).toBe(1);
      } else if (warned) {
        expect(stderr).toBe("");
        expect(report?.warnings?.join() ?? "").toMatch(warned);
      } else {
        expect(stderr).toBe("");
        expect(code).toBe(0);
      }
      expect(seconds).toBeLessThan(45);
      expect(megabytes).toBeGreaterThan(30);
      expect(megabytes).toBeLessThan(200);
      expectPrintable(stderr);
    },
  );
});

describe("large images pass in less than 200 MB:", () => {
  test.each(largeCases.map(({ name }) => name))("%s", (name) => {
    const { stderr, report, megabytes } = resultOf(name);
    expect(stderr).toBe("");
    expect(report).toMatchObject({ warnings: [] });
    expect(report?.images.find(({ platform }) => platform === "linux/amd64")).toMatchObject({
      code: { file: "/app", architecture: "amd64" },
    });
    expect(megabytes).toBeLessThan(200);
  });
});

function resultOf(name: string): Outcome {
  if (failures.has(name)) throw failures.get(name);
  return outcomes.get(name)!;
}

/** Every line is ours, short, and without what a terminal obeys. */
function expectPrintable(printed: string): void {
  for (const line of printed.split("\n").filter(Boolean)) {
    expect(line).toMatch(/^web: /);
    expect(line).not.toMatch(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]|<\{%/u);
    expect(line.length).toBeLessThan(10_000);
  }
  expect(printed).not.toContain("s3cret");
}
