import fc from "fast-check";
import {
  Architecture,
  architectures,
  normalisePlatform,
  parseArchitecture,
  platformOf,
  platformSlug,
  sortPlatforms,
  spellings,
} from "../../components/platform";

describe("platforms are normalised as containerd does", () => {
  // The pairs of containerd's own rules: github.com/containerd/platforms, platforms_test.go and database.go.
  it.each([
    ["linux/amd64", "linux/amd64"],
    ["Linux/AMD64", "linux/amd64"],
    ["linux/x86_64", "linux/amd64"],
    ["linux/x86-64", "linux/amd64"],
    ["linux/amd64/v1", "linux/amd64"],
    ["linux/amd64/v2", "linux/amd64/v2"],
    ["linux/aarch64", "linux/arm64"],
    ["linux/arm64/v8", "linux/arm64"],
    ["linux/arm64/8", "linux/arm64"],
    ["linux/arm64/v9", "linux/arm64/v9"],
    ["linux/i386", "linux/386"],
    ["linux/armhf", "linux/arm/v7"],
    ["linux/armel", "linux/arm/v6"],
    ["linux/arm", "linux/arm/v7"],
    ["linux/arm/7", "linux/arm/v7"],
    ["linux/arm/v6", "linux/arm/v6"],
    ["arm64", "linux/arm64"],
    ["x86_64", "linux/amd64"],
    [" linux/s390x ", "linux/s390x"],
    ["linux/ppc64le", "linux/ppc64le"],
    ["linux/riscv64", "linux/riscv64"],
  ])("%s is %s", (spelling, platform) => {
    expect(normalisePlatform(spelling)).toBe(platform);
  });

  it.each([
    ["", "empty"],
    ["linux", "an OS alone: nothing is filled in from this machine"],
    ["windows/amd64", "not Linux"],
    ["darwin/arm64", "not Linux"],
    ["linux/amd46", "a typing error"],
    ["linux/amd64/v9", "a variant that isn't"],
    ["linux/arm64/", "an empty variant"],
    ["linux/arm/v7/more", "four parts"],
    ["linux/", "an empty architecture"],
  ])("%j is no platform: %s", (spelling) => {
    expect(normalisePlatform(spelling)).toBeUndefined();
  });

  it("a normalised platform stays as it is, whatever was written", () => {
    const parts = fc.constantFrom(
      ..."linux Linux x86_64 amd64 aarch64 arm64 arm armhf v7 v8 8 v1 386 s390x foo".split(" "),
    );
    fc.assert(
      fc.property(fc.array(parts, { minLength: 1, maxLength: 4 }), (words) => {
        const platform = normalisePlatform(words.join("/"));
        if (platform === undefined) return;
        expect(normalisePlatform(platform)).toBe(platform);
        expect(platform).toMatch(/^linux\/[a-z0-9]+(\/v\d)?$/);
      }),
      { numRuns: 2000 },
    );
  });

  it("never throws, whatever the text", () => {
    fc.assert(fc.property(fc.string(), (text) => void normalisePlatform(text)));
  });
});

describe("architectures", () => {
  it.each(architectures)("%s is recognised in every system's spelling", (architecture) => {
    const { platform, ec2, ecs, lambda, uname, node } = spellings[architecture];
    for (const spelling of [platform, ec2, ecs, lambda, uname, node]) {
      expect(parseArchitecture(spelling)).toBe(architecture);
    }
    expect(parseArchitecture(platformOf(architecture))).toBe(architecture);
  });

  it.each(["", "riscv64", "armv7l", "linux", "t3.small", "x86"])("%j is neither", (spelling) => {
    expect(parseArchitecture(spelling)).toBeUndefined();
  });

  it("the ELF machine numbers are those of the ELF specification", () => {
    expect(spellings[Architecture.X86_64].elfMachine).toBe(62);
    expect(spellings[Architecture.Arm64].elfMachine).toBe(183);
  });
});

it("platforms are sorted and without duplicates, in whatever order they came", () => {
  const platforms = fc.array(
    fc.constantFrom("linux/arm64", "linux/amd64", "linux/arm/v7", "linux/386"),
  );
  fc.assert(
    fc.property(platforms, (list) => {
      const sorted = sortPlatforms(list);
      expect(sorted).toEqual(sortPlatforms([...list].reverse()));
      expect(new Set(sorted)).toEqual(new Set(list));
      expect(sorted).toHaveLength(new Set(list).size);
    }),
  );
});

it("a platform's slug holds no slash", () => {
  expect(platformSlug("linux/arm/v7")).toBe("linux-arm-v7");
});
