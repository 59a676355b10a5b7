import fc from "fast-check";
import { describePlan, makePlan } from "../../components/plan";
import {
  Architecture,
  architectures,
  type CanonicalArchitecture,
  platformOf,
} from "../../components/platform";

const plan = (requirements: [string, CanonicalArchitecture][], platforms?: unknown) =>
  makePlan({
    requirements: requirements.map(([path, architecture]) => ({ path, architecture })),
    platforms,
    platformsPath: "image.platforms",
  });

it("without a list, the platforms are the union of what the targets need, each with its reason", () => {
  const { platforms, requiredBy, problems } = plan([
    ["host.architecture", Architecture.X86_64],
    ["ecs.architecture", Architecture.Arm64],
    ["lambda.architecture", Architecture.Arm64],
  ]);
  expect(problems).toEqual([]);
  expect(platforms).toEqual(["linux/amd64", "linux/arm64"]);
  expect(requiredBy).toEqual({
    "linux/amd64": "host.architecture",
    "linux/arm64": "ecs.architecture, lambda.architecture",
  });
});

it("a list is exactly what is built, and says so beside the target's reason", () => {
  const made = plan([["host.architecture", Architecture.X86_64]], ["linux/aarch64", "x86_64"]);
  expect(made.problems).toEqual([]);
  expect(describePlan(made)).toBe(
    "linux/amd64 (host.architecture, image.platforms), linux/arm64 (image.platforms)",
  );
});

it("order and spelling of the list make no difference", () => {
  const one = plan([], ["linux/arm64", "linux/amd64"]);
  const other = plan([], ["x86_64", "LINUX/aarch64"]);
  expect(other).toEqual(one);
});

it("a list that lacks what a target needs names both settings and the ways out", () => {
  const { problems } = plan([["host.architecture", Architecture.Arm64]], ["linux/amd64"]);
  expect(problems).toEqual([
    {
      path: "image.platforms",
      what: "holds linux/amd64, but host.architecture is arm64, which runs linux/arm64",
      fix: `add "linux/arm64" to image.platforms, leave the list out, or change host.architecture`,
    },
  ]);
});

it("a platform named twice, in whatever spelling, is told with both places", () => {
  const { problems } = plan([], ["linux/amd64", "linux/x86_64"]);
  expect(problems.map(({ path, what }) => `${path}: ${what}`)).toEqual([
    `image.platforms[1]: "linux/x86_64" is linux/amd64, which image.platforms[0] names already`,
  ]);
});

it.each([
  ["no list and no target", undefined, /^image\.platforms: is absent/],
  ["an empty list", [], /^image\.platforms: is empty/],
  ["a text instead of a list", "linux/amd64", /^image\.platforms: must be a list/],
  ["a number in the list", [7], /^image\.platforms\[0\]: 7 is no platform/],
  ["null in the list", [null], /^image\.platforms\[0\]: null is no platform/],
  ["an unknown platform", ["linux/amd46"], /^image\.platforms\[0\]: "linux\/amd46" is no platform/],
])("%s is a problem with its path", (_, platforms, message) => {
  const { problems } = plan([], platforms);
  expect(problems).toHaveLength(1);
  expect(`${problems[0]!.path}: ${problems[0]!.what}`).toMatch(message);
  expect(problems[0]!.fix).not.toBe("");
});

it("every target's platform is in a plan without problems, whatever is asked for", () => {
  const spelling = fc.constantFrom(
    "linux/amd64",
    "x86_64",
    "linux/arm64",
    "aarch64",
    "linux/arm",
    "nonsense",
    "",
  );
  fc.assert(
    fc.property(
      fc.array(fc.constantFrom(...architectures)),
      fc.option(fc.array(spelling), { nil: undefined }),
      (needed, list) => {
        const made = plan(
          needed.map((architecture, at) => [`target${at}`, architecture]),
          list,
        );
        if (made.problems.length > 0) return;
        for (const architecture of needed)
          expect(made.platforms).toContain(platformOf(architecture));
        expect(made.platforms).toEqual([...new Set(made.platforms)].sort());
        expect(Object.keys(made.requiredBy)).toEqual([...made.platforms]);
      },
    ),
    { numRuns: 2000 },
  );
});
