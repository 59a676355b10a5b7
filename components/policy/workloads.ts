import { type CanonicalArchitecture, statedArchitecture } from "../platform";
import { attempt } from "../registry/attempt";

/** An image that a resource is to run, and the machine for it. */
export interface Workload {
  readonly image: string;
  readonly architecture: CanonicalArchitecture;
  /** The property that decides about the architecture, for messages. */
  readonly field: string;
}

/** Inputs of a resource. Where a value isn't known yet, reading it throws. */
type Properties = Readonly<Record<string, unknown>>;

/** AWS resources that name an image and the architecture it runs on, whoever declares them. Other targets check their image themselves. */
const kinds: Readonly<Record<string, (of: Properties) => readonly Partial<Workload>[]>> = {
  "aws:ecs/taskDefinition:TaskDefinition": ({
    runtimePlatform,
    requiresCompatibilities,
    containerDefinitions,
  }) => {
    const { cpuArchitecture, operatingSystemFamily } = fields(runtimePlatform);
    if ((operatingSystemFamily ?? "LINUX") !== "LINUX") return [];
    // Only Fargate takes X86_64 where nothing is stated; elsewhere the cluster's instances decide.
    if (
      (cpuArchitecture ?? undefined) === undefined &&
      String(requiresCompatibilities) !== "FARGATE"
    )
      return [];
    const containers: unknown = JSON.parse(String(containerDefinitions));
    return (Array.isArray(containers) ? containers : []).map((container) => ({
      image: text(fields(container).image),
      architecture: statedArchitecture({ architecture: lower(cpuArchitecture) }),
      field: "runtimePlatform.cpuArchitecture",
    }));
  },
  "aws:lambda/function:Function": ({ imageUri, architectures }) => [
    {
      image: text(imageUri),
      architecture: statedArchitecture({
        architecture: (architectures as string[] | undefined)?.[0],
      }),
      field: "architectures",
    },
  ],
};

/** What a resource runs, as far as its inputs tell; empty where it runs no image, or they aren't known yet. */
export function workloadsOf(type: string, properties: Properties): readonly Workload[] {
  // A value that a preview doesn't know throws, and so does a text that its own provider will refuse.
  return (attempt(() => kinds[type]?.(properties)) ?? []).filter(
    (found): found is Workload => Boolean(found.image) && found.architecture !== undefined,
  );
}

const fields = (value: unknown): Properties => Object(value) as Properties;
const text = (value: unknown) => (typeof value === "string" ? value : undefined);
const lower = (value: unknown) => (typeof value === "string" ? value.toLowerCase() : value);
