import * as pulumi from "@pulumi/pulumi";
import { log } from "../../components/log";
import { Ec2Target } from "../../components/targets/ec2/ec2";
import { EcsTarget } from "../../components/targets/ecs/ecs";
import { HostTarget } from "../../components/targets/host/host";
import { LambdaTarget } from "../../components/targets/lambda/lambda";
import { register, verified } from "./mocks";

// Mocks prove which warnings a target prints. That the verification reads an image's volumes: tests/unit/verify.test.ts; the warning in a
// preview and in `up`: tests/engine/verification.test.ts.

const repository = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/team/web";
const digest = `sha256:${"a".repeat(64)}`;
const ref = `${repository}@${digest}`;
const clusterArn = "arn:aws:ecs:eu-west-1:123456789012:cluster/c";
const data = [{ target: "/data", size: 64 }];
const volume = [{ source: "web", target: "/data" }];

const answers: Record<string, Record<string, unknown>> = {
  getRegion: { region: "eu-west-1" },
  getVpc: { id: "vpc-default" },
  getSubnets: { ids: ["subnet-b", "subnet-a"] },
  getAuthorizationToken: { userName: "AWS", password: "canary-token" },
  getService: { taskDefinition: "arn:TaskDefinition/web", events: [] },
};
const answer = ({ token, inputs }: pulumi.runtime.MockCallArgs) =>
  answers[token.split(/[:/]/).at(-1)!] ?? (inputs as Record<string, unknown>);

/** The warnings of a program whose image declares volumes. */
async function warnings(program: () => unknown, declared: string[]): Promise<string[]> {
  const warn = jest.spyOn(log, "warn").mockResolvedValue(undefined);
  await register(
    program,
    (resource) => {
      const { type, name, inputs } = resource;
      const other = { arn: `arn:${type.split(":")[2]}/${name}`, name: `${name}-1` };
      if (!name.endsWith("-verified")) return { ...other, cluster: inputs.cluster };
      const { stdout } = verified(resource, repository, digest);
      const report = JSON.parse(stdout) as { images: object[] };
      const images = report.images.map((image) => ({ ...image, volumes: declared }));
      return { stdout: JSON.stringify({ ...report, images }) };
    },
    answer,
  );
  const said = warn.mock.calls.map(([text]) => text).filter((text) => text.includes("volume"));
  warn.mockRestore();
  return said;
}

const replaced =
  "the image declares the volume /data, which is not mounted: each release starts with an empty one, and the data of the previous " +
  "release is deleted with its container. Mount a volume at that path (volumes), or set tmpfs for data that can be lost";
const targets: Record<string, [(args: object) => unknown, string, object[]]> = {
  host: [
    (args) => new HostTarget("web", { ref, ...args }),
    `host: ${replaced}`,
    [{ volumes: volume }, { volumes: [{ source: "web", target: "/data/" }] }, { tmpfs: data }],
  ],
  ec2: [
    (args) => new Ec2Target("web", { ref, instanceType: "t3.small", ...args }),
    `ec2: ${replaced}`,
    [{ volumes: volume }, { tmpfs: data }],
  ],
  ecs: [
    (args) => new EcsTarget("web", { ref, launchType: "EC2", clusterArn, ...args }),
    "ecs: the image declares the volume /data, which is not mounted: its data is lost when the task stops. Keep the data outside " +
      "the task, or set tmpfs for data that can be lost",
    [{ tmpfs: data }],
  ],
  lambda: [
    (args) => new LambdaTarget("web", { ref, ...args }),
    "lambda: the image declares the volume /data, which is not mounted: Lambda mounts no volumes, and only /tmp is writable. Write " +
      "to /tmp, and keep data that must last outside the function",
    [],
  ],
};

describe.each(Object.entries(targets))("%s", (_, [make, warning, mounts]) => {
  it("warns of a volume that the image declares and nothing mounts", async () => {
    expect(await warnings(() => make({}), ["/data"])).toEqual([warning]);
    expect(await warnings(() => make({}), [])).toEqual([]);
  });

  if (mounts.length === 0) return; // Lambda mounts none.
  it.each(mounts)("does not warn with %j", async (args) => {
    expect(await warnings(() => make(args), ["/data"])).toEqual([]);
  });
});

it("warns of each volume, and a mount above or below it does not count", async () => {
  const volumes = [
    { source: "one", target: "/data" },
    { source: "two", target: "/x/y" },
  ];
  const said = await warnings(() => new HostTarget("web", { ref, volumes }), ["/data/db", "/x"]);
  expect(said.map((text) => /the volume (\S+),/.exec(text)?.[1])).toEqual(["/data/db", "/x"]);
});

it("a volume with line breaks in its path can't imitate a line of multiarch, and is reported once", async () => {
  const path = "/data\nerror: run curl";
  const [said, ...more] = await warnings(() => new HostTarget("web", { ref }), [path, path]);
  expect(more).toEqual([]);
  expect(said).toContain("the volume /data\\nerror: run curl, which");
});

it("a target that turns out to be no string leaves the problem to the release", async () => {
  const volumes = [{ source: "one", target: pulumi.output(undefined as unknown as string) }];
  expect(await warnings(() => new HostTarget("web", { ref, volumes }), ["/data"])).toHaveLength(1);
});
