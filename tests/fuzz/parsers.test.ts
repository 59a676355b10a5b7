import * as fc from "fast-check";
import { checkDockerfile } from "../../components/dockerfile/dockerfile";
import { normalisePlatform, parseArchitecture, platformOf } from "../../components/platform";
import { parseObject } from "../../components/registry/attempt";
import { keyOf, loginIn } from "../../components/registry/credentials";
import { ecrAddress } from "../../components/registry/ecr";
import { pathProblem } from "../../components/registry/kinds";
import { parseReference, printReference } from "../../components/registry/reference";

// What reads texts of others takes any, and ends. tests/unit has what each makes of the right ones.

const runs = { numRuns: 3000 };
/** Texts of the pieces that a grammar has, in any order, and of anything else. */
const soup = (...pieces: string[]) =>
  fc
    .array(fc.oneof(fc.constantFrom(...pieces), fc.string({ unit: "binary", maxLength: 5 })), {
      maxLength: 30,
    })
    .map((all) => all.join(""));

it("a platform is normalised to what stays as it is, or is none", () => {
  const text = soup(
    "linux",
    "/",
    "amd64",
    "arm",
    "arm64",
    "v8",
    "7",
    "x86_64",
    "LINUX",
    " ",
    "386",
  );
  fc.assert(
    fc.property(text, (spelling) => {
      const platform = normalisePlatform(spelling);
      if (platform === undefined) return;
      expect(platform).toMatch(/^linux\/[a-z0-9]+(\/v\d)?$/);
      expect(normalisePlatform(platform)).toBe(platform);
      const architecture = parseArchitecture(spelling);
      if (architecture) expect(platformOf(architecture)).toBe(platform);
    }),
    runs,
  );
});

it("a reference is read to what is read again the same, or is none", () => {
  const hex = "a".repeat(64);
  const text = soup(
    "docker.io",
    "/",
    "web",
    ":",
    "5000",
    "@",
    "sha256:",
    hex,
    "localhost",
    ".",
    "-",
    "_",
    "[::1]",
  );
  fc.assert(
    fc.property(text, (reference) => {
      ecrAddress(reference);
      const parsed = parseReference(reference);
      if (!parsed.ok) return expect(parsed.error).toMatch(/^\S[^\n]+/);
      pathProblem(parsed.reference.registry, parsed.reference.repository);
      expect(parseReference(printReference(parsed.reference))).toEqual(parsed);
    }),
    runs,
  );
});

it("a Dockerfile of any text is looked at to the end", async () => {
  const text = soup(
    ...[
      "FROM ",
      "scratch",
      "busybox",
      "\n",
      " AS ",
      "build",
      "--platform=",
      "$BUILDPLATFORM",
      "ARG ",
      "RUN ",
    ],
    ...[
      "COPY --from=",
      "<<EOF\n",
      "EOF\n",
      "\\",
      "# escape=`\n",
      "# syntax=",
      "${",
      "}",
      ":-",
      "$",
      '"',
      "'",
      "ENV A=",
      "[",
    ],
  );
  const request = {
    requiredBy: { "linux/arm64": "host" },
    access: () => undefined,
    strict: false,
    path: String,
  };
  await fc.assert(
    fc.asyncProperty(text, async (inline) => {
      const report = await checkDockerfile(
        { ...request, inline },
        () => Promise.resolve(undefined) as never,
      );
      expect(report.errors).toEqual([]);
    }),
    { numRuns: 1500 },
  );
}, 60_000);

it("settings of Docker's client of any JSON hold credentials of texts, or none", () => {
  const entry = fc.oneof(
    fc.jsonValue(),
    fc.record({ auth: fc.oneof(fc.base64String(), fc.jsonValue()) }),
    fc.record({ identitytoken: fc.jsonValue() }, { requiredKeys: [] }),
    fc.record({ username: fc.jsonValue(), password: fc.jsonValue() }),
  );
  fc.assert(
    fc.property(entry, fc.string(), (value, text) => {
      keyOf(text);
      parseObject(text);
      const { username, password, identityToken } = loginIn(value) ?? {};
      for (const one of [username, password, identityToken])
        expect(["string", "undefined"]).toContain(typeof one);
    }),
    runs,
  );
});
