/** The architecture of a host, in the spelling of AWS or of another system. */
export const Architecture = {
  /** 64-bit Intel and AMD, as AWS and `uname -m` spell it; images for it are `linux/amd64`. */
  X86_64: "x86_64",
  /** 64-bit ARM such as Graviton, as AWS and Docker spell it; images for it are `linux/arm64`. */
  Arm64: "arm64",
  /** The same as `x86_64`, as Docker spells it. */
  Amd64: "amd64",
  /** The same as `x86_64`, as a platform. */
  LinuxAmd64: "linux/amd64",
  /** The same as `x86_64`, as an ECS task definition spells it. */
  EcsX86_64: "X86_64",
  /** The same as `x86_64`, as Node.js spells it. */
  X64: "x64",
  /** The same as `x86_64`, as some distributions spell it. */
  X86Hyphen64: "x86-64",
  /** The same as `arm64`, as `uname -m` spells it. */
  Aarch64: "aarch64",
  /** The same as `arm64`, as a platform. */
  LinuxArm64: "linux/arm64",
  /** The same as `arm64`, as an ECS task definition spells it. */
  EcsArm64: "ARM64",
} as const;
export type Architecture = (typeof Architecture)[keyof typeof Architecture];

/** The architecture in AWS's spelling, after it was parsed. */
export type CanonicalArchitecture = "x86_64" | "arm64";

/** What each accepted spelling means. A missing one fails to compile. */
const canonical: Readonly<Record<Architecture, CanonicalArchitecture>> = {
  x86_64: "x86_64",
  amd64: "x86_64",
  "linux/amd64": "x86_64",
  X86_64: "x86_64",
  x64: "x86_64",
  "x86-64": "x86_64",
  arm64: "arm64",
  aarch64: "arm64",
  "linux/arm64": "arm64",
  ARM64: "arm64",
};

/** How each system that meets an architecture spells it. A missing member fails to compile. */
interface Spellings {
  /** OCI platform of an image that runs natively. */
  readonly platform: string;
  /** EC2's `supportedArchitectures` and an AMI's `architecture`. */
  readonly ec2: string;
  /** ECS's `runtimePlatform.cpuArchitecture`. */
  readonly ecs: string;
  /** Lambda's `architectures`. */
  readonly lambda: string;
  /** What `uname -m` prints. */
  readonly uname: string;
  /** Node's `process.arch`. */
  readonly node: string;
  /** `e_machine` in the header of an ELF file. */
  readonly elfMachine: number;
}

export const spellings: Readonly<Record<CanonicalArchitecture, Spellings>> = {
  x86_64: {
    platform: "linux/amd64",
    ec2: "x86_64",
    ecs: "X86_64",
    lambda: "x86_64",
    uname: "x86_64",
    node: "x64",
    elfMachine: 62,
  },
  arm64: {
    platform: "linux/arm64",
    ec2: "arm64",
    ecs: "ARM64",
    lambda: "arm64",
    uname: "aarch64",
    node: "arm64",
    elfMachine: 183,
  },
};

export const architectures: readonly CanonicalArchitecture[] = ["x86_64", "arm64"];

/** The architecture that an accepted spelling means, or undefined. */
export function parseArchitecture(spelling: unknown): CanonicalArchitecture | undefined {
  return new Map<unknown, CanonicalArchitecture>(Object.entries(canonical)).get(spelling);
}

/**
 * The architecture that a target's arguments state, x86_64 where they state none. Undefined where the text names none, which the
 * target's own check reports.
 */
export function statedArchitecture(args: {
  architecture?: unknown;
}): CanonicalArchitecture | undefined {
  return parseArchitecture(args.architecture ?? Architecture.X86_64);
}

/** The platform that a machine of this architecture runs natively. */
export function platformOf(architecture: CanonicalArchitecture): string {
  return spellings[architecture].platform;
}

/** Architectures that an OCI image for Linux may name (Go's GOARCH, as the OCI image spec asks). */
const ociArchitectures: ReadonlySet<string> = new Set([
  "386",
  "amd64",
  "arm",
  "arm64",
  "loong64",
  "mips",
  "mips64",
  "mips64le",
  "mipsle",
  "ppc64",
  "ppc64le",
  "riscv64",
  "s390x",
]);

/** Variants by architecture; where an architecture is missing, it has none. */
const variants: Readonly<Record<string, readonly string[]>> = {
  amd64: ["v2", "v3", "v4"],
  arm: ["v5", "v6", "v7", "v8"],
  arm64: ["v9"],
};

/**
 * The one spelling of a platform, by containerd's rules (github.com/containerd/platforms): lower case, `x86_64` is
 * `amd64`, `aarch64` is `arm64` without `v8`, `armhf` is `arm/v7`, `arm` alone is `arm/v7`. Undefined where the
 * text names no Linux platform. Nothing is ever filled in from the machine at hand: `linux` alone is no platform.
 */
export function normalisePlatform(text: string): string | undefined {
  const parts = text.trim().toLowerCase().split("/");
  if (parts.length === 1) parts.unshift("linux");
  const [os, spelled, given, ...rest] = parts;
  if (os !== "linux" || spelled === undefined || rest.length > 0) return undefined;
  const [architecture, variant] = normaliseArchitecture(spelled, given ?? "");
  if (!ociArchitectures.has(architecture)) return undefined;
  if (given === "" || (variant !== "" && !variants[architecture]?.includes(variant)))
    return undefined;
  return variant === "" ? `linux/${architecture}` : `linux/${architecture}/${variant}`;
}

function normaliseArchitecture(architecture: string, variant: string): [string, string] {
  switch (architecture) {
    case "i386":
      return ["386", ""];
    case "x86_64":
    case "x86-64":
    case "amd64":
      return ["amd64", variant === "v1" ? "" : variant];
    case "aarch64":
    case "arm64":
      return ["arm64", variant === "8" || variant === "v8" ? "" : variant];
    case "armhf":
      return ["arm", "v7"];
    case "armel":
      return ["arm", "v6"];
    case "arm":
      return ["arm", variant === "" ? "v7" : /^[5-8]$/.test(variant) ? `v${variant}` : variant];
    default:
      return [architecture, variant];
  }
}

/** The value that a map by platforms has for one, in whatever spelling. */
export function valueFor<T>(
  platform: string,
  values: Readonly<Record<string, T>> = {},
): T | undefined {
  return Object.entries(values).find(([key]) => normalisePlatform(key) === platform)?.[1];
}

/** Sorted and without duplicates: the provider compares platforms in order. */
export function sortPlatforms(platforms: Iterable<string>): string[] {
  return [...new Set(platforms)].sort();
}

/** `linux/arm64` → `linux-arm64`: for names of resources and tags, which may hold no slash. */
export function platformSlug(platform: string): string {
  return platform.replaceAll("/", "-");
}
