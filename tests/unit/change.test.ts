import { describeChange, type Recorded, type Step, stepOn } from "../../components/change";

// What a preview's line says of the steps that the engine plans. That it plans them is for tests/changes.

const urn = (type: string, name: string) =>
  `urn:pulumi:test::shop::multiarch:index:App$multiarch:index:${type}::${name}`;
const step = (type: string, name: string, op: Step["op"]) => stepOn(urn(type, name), op)!;
const amd = { image: { platforms: { "linux/amd64": "ec2.instanceType" } } };
const arm = { image: { platforms: { "linux/arm64": "ec2.instanceType" } } };
const machine = (type: string, name: string) => (op: Step["op"]) => step(type, name, op);
const instance = machine("Ec2Target$aws:ec2/instance:Instance", "web-1");
const association = machine("Ec2Target$aws:ssm/association:Association", "web-release");
const service = machine("EcsTarget$aws:ecs/service:Service", "web");
const lambda = machine("LambdaTarget$aws:lambda/function:Function", "web");
const release = machine("HostTarget$command:local:Command", "web");

it("a flipped EC2 architecture names both platforms, what is built, the machines, and how callers get to the new one", () => {
  const [old, now] = [{ instanceType: "t3.small" }, { instanceType: "t4g.small" }];
  const port = { containerPort: 8080, ingressCidrs: ["192.0.2.0/24"] };
  const change = (more: object) =>
    describeChange(
      { ...amd, ec2: { ...old, ...more } },
      { ...arm, ec2: { ...now, ...more } },
      ["linux/arm64 natively"],
      [instance("create"), association("create")],
    );
  const common =
    "linux/amd64 goes (was for ec2.instanceType); linux/arm64 comes (ec2.instanceType); builds linux/arm64 natively; " +
    "ec2 (t3.small → t4g.small): instances are replaced, the old ones last: ";
  expect(change(port)).toBe(
    `${common}the service is interrupted for seconds, while the address moves`,
  );
  expect(change({ ...port, elasticIp: false })).toBe(`${common}the address changes`);
  expect(change({ ...port, loadBalancer: {} })).toBe(
    `${common}the service may be interrupted until the load balancer has checked the new ones`,
  );
  expect(change({})).toBe(`${common}the service goes on`);
});

it.each<[string, Recorded, Recorded, Step[], string]>([
  [
    "another size",
    { ec2: { instanceType: "t3.small" } },
    { ec2: { instanceType: "t3.large" } },
    [instance("update")],
    "ec2 (t3.small → t3.large): instances are stopped and changed in place: the service is interrupted for a minute or two",
  ],
  [
    "tags of an instance",
    { ec2: { instanceType: "t3.small" } },
    { ec2: { instanceType: "t3.small" } },
    [instance("update")],
    "ec2: instances are changed in place: the service goes on",
  ],
  [
    "a further instance",
    { ec2: { instanceType: "t3.small", instances: 1 } },
    { ec2: { instanceType: "t3.small", instances: 2 } },
    [step("Ec2Target$aws:ec2/instance:Instance", "web-2", "create"), association("create")],
    "ec2: instances are added: the service goes on",
  ],
  [
    "an instance less",
    { ec2: { instanceType: "t3.small", instances: 2 } },
    { ec2: { instanceType: "t3.small" } },
    [association("create")],
    "ec2: instances are removed: the service goes on",
  ],
  [
    "tags of an instance, with a release",
    { ec2: { instanceType: "t3.small" } },
    { ec2: { instanceType: "t3.small" } },
    [instance("update"), association("create")],
    "ec2: instances are changed in place, then the release is: the service is interrupted for less than a second",
  ],
  [
    "tags of an instance and of its release",
    { ec2: { instanceType: "t3.small" } },
    { ec2: { instanceType: "t3.small" } },
    [instance("update"), association("update")],
    "ec2: instances are changed in place: the service goes on",
  ],
  [
    "no address of its own",
    { ec2: { instanceType: "t3.small", containerPort: 80 } },
    { ec2: { instanceType: "t3.small", containerPort: 80, elasticIp: false } },
    [],
    "ec2: the address changes",
  ],
  [
    "no address of its own, with another machine",
    { ec2: { instanceType: "t3.small", containerPort: 80 } },
    { ec2: { instanceType: "t4g.small", containerPort: 80, elasticIp: false } },
    [instance("create"), association("create")],
    "ec2 (t3.small → t4g.small): instances are replaced, the old ones last: the address changes",
  ],
  [
    "a load balancer before a service that had none",
    { ecs: { containerPort: 80 } },
    { ecs: { containerPort: 80, loadBalancer: {} } },
    [service("update")],
    "ecs: updated in place, tasks one after another: the service goes on",
  ],
  [
    "a load balancer with private addresses only",
    { ecs: { containerPort: 80, loadBalancer: {} } },
    { ecs: { containerPort: 80, loadBalancer: { internal: true } } },
    [],
    "ecs: the address changes",
  ],
  [
    "a load balancer taken away",
    { ecs: { containerPort: 80, loadBalancer: {} } },
    { ecs: { containerPort: 80 } },
    [service("update")],
    "ecs: updated in place, tasks one after another: the service goes on, the address goes",
  ],
  [
    "another alias behind an address",
    { lambda: { functionUrl: {} } },
    { lambda: { functionUrl: {}, alias: "stable" } },
    [],
    "lambda: the address changes",
  ],
  [
    "no address any more",
    { lambda: { functionUrl: {} } },
    { lambda: {} },
    [],
    "lambda: the address goes",
  ],
  [
    "a release",
    { ec2: { instanceType: "t3.small" } },
    { ec2: { instanceType: "t3.small" } },
    [association("create")],
    "ec2: released in place: the service is interrupted for less than a second",
  ],
  [
    "a service",
    { ecs: { architecture: "x86_64" } },
    { ecs: { architecture: "arm64" } },
    [service("update")],
    "ecs (x86_64 → arm64): updated in place, tasks one after another: the service goes on",
  ],
  [
    "another launch type",
    { ecs: {} },
    { ecs: {} },
    [service("create")],
    "ecs: the service is replaced, the old one last: the service goes on",
  ],
  [
    "a function",
    { lambda: {} },
    { lambda: {} },
    [lambda("update")],
    "lambda: updated in place: the service goes on",
  ],
  [
    "stop-first",
    { host: { strategy: "swap" } },
    { host: { strategy: "stop-first" } },
    [release("update")],
    "host: released in place: the service is interrupted while the new release starts",
  ],
  [
    "a strategy that is an output",
    { host: {} },
    { host: { strategy: {} } },
    [release("update")],
    "host: released in place: the service is interrupted as its strategy says",
  ],
  [
    "another host",
    { host: {} },
    { host: {} },
    [step("HostTarget$command:remote:Command", "web-two", "create")],
    "host: released on a machine where it wasn't, and removed last where it no longer belongs",
  ],
  [
    "a target added",
    { ecs: {} },
    { ecs: {}, lambda: {} },
    [lambda("create")],
    "ecs isn't touched; lambda comes",
  ],
  [
    "a target removed",
    { ecs: {}, lambda: {} },
    { ecs: {} },
    [],
    "ecs isn't touched; lambda goes: the service there ends",
  ],
])("%s: the target, what becomes of it, and the service", (_, old, now, steps, line) => {
  expect(describeChange(old, now, [], steps)).toBe(line);
});

it("names the finished image that is taken, such as an earlier release, by what tells its digest from others", () => {
  const image = (ref?: string) => ({ image: { ...amd.image, ref }, host: {} });
  const ref = `ghcr.io/team/web@sha256:${"0123456789abcdef".repeat(4)}`;
  const line =
    "takes ghcr.io/team/web@sha256:0123456789ab as it is; nothing is built; " +
    "host: released in place: the service is interrupted for less than a second";
  expect(describeChange(image(), image(ref), [], [release("update")])).toBe(line);
  expect(describeChange(image(ref), image(), ["linux/amd64 natively"], [])).toBe(
    "builds linux/amd64 natively; host isn't touched",
  );
  expect(describeChange(image(ref), image(ref), [], [])).toBeUndefined();
});

it("says who needs a platform now, and that nothing is built where nothing is", () => {
  const now = { image: { platforms: { "linux/amd64": "host.architecture" } } };
  expect(describeChange(amd, now, [], [])).toBe(
    "linux/amd64 stays (host.architecture; was for ec2.instanceType); nothing is built",
  );
});

it("names what is built in the order of platforms, whatever came first", () => {
  const builds = ["linux/arm64 (may need emulation)", "linux/amd64 natively"];
  expect(describeChange(amd, amd, builds, [])).toBe(
    "builds linux/amd64 natively, linux/arm64 (may need emulation)",
  );
});

it.each<[string, Recorded, Recorded]>([
  [
    "a load balancer's",
    { ecs: { loadBalancer: {} } },
    { ecs: { loadBalancer: { internal: false } } },
  ],
  ["an alias's", { lambda: { functionUrl: {} } }, { lambda: { functionUrl: {}, alias: "live" } }],
  [
    "an Elastic IP's",
    { ec2: { containerPort: 80 } },
    { ec2: { containerPort: 80, elasticIp: true } },
  ],
])("%s default written out changes no address", (_, old, now) => {
  expect(describeChange(old, now, [], [])).toBeUndefined();
});

it("says nothing where neither platforms nor builds nor targets change", () => {
  const same = { ...amd, ec2: { instanceType: "t3.small" } };
  expect(describeChange(same, { ...same, ec2: { ...same.ec2 } }, [], [])).toBeUndefined();
});

it("knows the release of a host from its pull and removal, and other components' resources from a target's", () => {
  const local = "HostTarget$command:local:Command";
  expect(stepOn(urn(local, "web-pull"), "create")).toBeUndefined();
  expect(stepOn(urn(local, "web-identity"), "create")).toBeUndefined();
  expect(
    stepOn(urn("HostTarget$command:remote:Command", "web-a-removal"), "create"),
  ).toBeUndefined();
  expect(stepOn(urn("Image$command:local:Command", "web-verified"), "create")).toBeUndefined();
  expect(stepOn(urn("EcsTarget$aws:ecs/cluster:Cluster", "web"), "create")).toBeUndefined();
  expect(stepOn(urn(local, "web"), "update")).toEqual({
    target: "host",
    thing: "release",
    op: "update",
    name: "web",
  });
});
