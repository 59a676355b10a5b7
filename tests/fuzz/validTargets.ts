import type { Chooser } from "./chooser";

const policies = [
  "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess",
  "arn:aws:iam::123456789012:policy/a/b",
];
const key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ";

type Fields = Record<string, unknown>;

const words = (choose: Chooser): unknown =>
  choose.input([choose.input("serve"), choose.input(choose.canary())]);

/** Who reaches it, and what depends on that. */
function reachOf(choose: Chooser): Fields {
  if (choose.often(30)) return {};
  const cidrs = () =>
    choose.some(["203.0.113.0/24", "2001:db8::/32"], 1).map((one) => choose.input(one));
  const balanced = () => ({
    ingressCidrs: cidrs(),
    ...choose.fields({
      certificateArn: () =>
        choose.input(`arn:aws:acm:eu-west-1:123456789012:certificate/${choose.canary()}`),
      healthPath: () => choose.input("/health"),
      internal: () => choose.often(50),
      subnetIds: () => [choose.input("subnet-1"), choose.input("subnet-2")],
    }),
  });
  const front = choose.often(50) ? { ingressCidrs: cidrs() } : { loadBalancer: balanced() };
  return { containerPort: choose.whole(1, 65_535), ...front };
}

const onAws = (choose: Chooser): Fields => ({
  ...choose.fields({
    policyArns: () => choose.some(policies).map((one) => choose.input(one)),
    logRetentionDays: () => choose.one([1, 30, 3653]),
    tags: () => choose.texts(["team", "aws:cost center"]),
    environment: () => choose.texts(["LOG_LEVEL", "MODE_2"]),
  }),
});

const networkAndSecrets = (choose: Chooser): Fields => ({
  ...(choose.often(30)
    ? {
        vpcId: choose.input("vpc-1"),
        subnetIds: ["subnet-1", "subnet-2"].map((one) => choose.input(one)),
      }
    : {}),
  ...choose.fields({ secrets: () => ({ TOKEN: choose.input(choose.anySecretArn()) }) }),
});

const volumes = (choose: Chooser) => [
  {
    source: choose.input(choose.one(["data", "/srv/data"])),
    target: choose.input("/data"),
    ...choose.fields({ readOnly: () => choose.input(choose.often(50)) }),
  },
];

const release = (choose: Chooser) => ({
  command: words(choose),
  ...choose.fields({ timeout: () => choose.input(choose.whole(1, 86_400)) }),
});

function health(choose: Chooser, ports: readonly number[]): Fields {
  const timeout = choose.fields({ timeout: () => choose.input(choose.whole(1, 600)) });
  const kind = choose.one(
    ports.length > 0 ? ["path", "command", "seconds"] : ["command", "seconds"],
  );
  if (kind === "seconds") return { ...timeout, seconds: choose.input(choose.whole(0, 60)) };
  if (kind === "command") return { ...timeout, command: words(choose) };
  return {
    ...timeout,
    path: choose.input("/health"),
    ...choose.fields({ port: () => choose.input(choose.one(ports)) }),
  };
}

/** What a container may do, on every target. */
const hardening = (choose: Chooser): Fields =>
  choose.fields({
    capabilities: () =>
      choose.fields({
        add: () => [choose.input("SYS_PTRACE")],
        drop: () => choose.some(["ALL", "NET_RAW"]).map((one) => choose.input(one)),
      }),
    init: () => choose.input(choose.often(50)),
    tmpfs: () => [{ target: choose.input("/tmp"), size: choose.input(choose.whole(1, 512)) }],
  });

/** What Fargate doesn't support of it. */
const noNewPrivileges = (choose: Chooser): Fields =>
  choose.fields({ noNewPrivileges: () => choose.input(choose.often(50)) });

const readOnly = (choose: Chooser) => choose.input(choose.often(50));

/** What containers have, on hosts and on EC2. */
const container = (choose: Chooser, ports: readonly number[]): Fields => ({
  ...hardening(choose),
  ...noNewPrivileges(choose),
  ...choose.fields({
    readOnlyRootFilesystem: () => readOnly(choose),
    pidsLimit: () => choose.input(choose.whole(1, 4_194_304)),
    health: () => health(choose, ports),
    command: () => words(choose),
    user: () => choose.input(choose.one(["1000", "node:node"])),
    volumes: () => volumes(choose),
    memory: () => choose.input(choose.whole(6, 4096)),
    strategy: () => choose.input(choose.one(["swap", "stop-first"])),
    release: () => release(choose),
    stopTimeout: () => choose.input(choose.whole(0, 60)),
  }),
});

export function hostOf(choose: Chooser): Fields {
  const numbers = choose.some([80, 8080, 5353]);
  return {
    ...choose.fields({
      architecture: () => choose.architecture(),
      name: () => choose.one(["web", "The Web!"]),
      ssh: () => sshOf(choose),
      environment: () => choose.texts(["LOG_LEVEL", "a.b-c", "_"]),
      restart: () => choose.input(choose.one(["unless-stopped", "always", "on-failure", "no"])),
      cpus: () => choose.input(choose.one([0.5, 2])),
      network: () => choose.input("backend"),
      extraHosts: () => ({ db: choose.input(choose.one(["192.0.2.7", "host-gateway"])) }),
    }),
    ...container(choose, numbers),
    ...(numbers.length > 0 && {
      ports: numbers.map((one) => ({
        container: one,
        ...choose.fields({
          host: () => choose.input(one + 10_000),
          address: () => choose.input(choose.one(["127.0.0.1", "0.0.0.0", "::"])),
        }),
      })),
    }),
  };
}

function sshOf(choose: Chooser): Fields {
  const pem = () =>
    `-----BEGIN OPENSSH PRIVATE KEY-----\n${choose.canary()}\n-----END OPENSSH PRIVATE KEY-----\n`;
  const withKey = () => ({
    privateKey: choose.input(pem()),
    ...choose.fields({ privateKeyPassword: () => choose.input(choose.canary()) }),
  });
  const user = choose.fields({ user: () => choose.input("deploy") });
  const address = (one: string) => ({
    address: choose.input(one),
    ...choose.fields({ port: () => choose.input(choose.whole(1, 65_535)) }),
    ...choose.one<object>([{ hostKey: choose.input(key) }, { acceptAnyHostKey: true }]),
  });
  const who = choose.one<object>([{}, withKey(), { agentSocket: choose.input("/run/agent") }]);
  return {
    ...user,
    ...who,
    ...choose.fields({
      attempts: () => choose.input(choose.whole(1, 9)),
      bastion: () => ({
        ...address("bastion.example.com"),
        ...user,
        ...choose.one<object>([{}, withKey()]),
      }),
    }),
    hosts: Object.fromEntries(
      choose.some(["one", "two-2"], 1).map((name) => [name, address(`${name}.example.com`)]),
    ),
  };
}

export function ec2Of(choose: Chooser): Fields {
  const type = choose.one([
    "t3.small",
    "t4g.small",
    "m7g.large",
    "c8g.2xlarge",
    "a1.medium",
    "m5.large",
  ]);
  const spelt = /^(t4g|m7g|c8g|a1)\./.test(type) ? ["arm64", "aarch64"] : ["x86_64", "amd64"];
  const reach = reachOf(choose);
  const port = reach.containerPort as number | undefined;
  const alone = reach.loadBalancer === undefined && port !== undefined;
  return {
    instanceType: type,
    ...reach,
    ...onAws(choose),
    ...networkAndSecrets(choose),
    ...container(choose, port === undefined ? [] : [port]),
    ...choose.fields({
      architecture: () => choose.one(spelt),
      ami: () => choose.input("ami-0123456789abcdef0"),
      rootVolumeSize: () => choose.whole(8, 100),
      assignPublicIp: () => choose.often(50),
      releaseTimeout: () => choose.whole(1, 360),
    }),
    ...(port !== undefined && choose.fields({ hostPort: () => choose.whole(1, 65_535) })),
    ...choose.fields(
      alone ? { elasticIp: () => choose.often(50) } : { instances: () => choose.whole(1, 3) },
    ),
  };
}

export function ecsOf(choose: Chooser): Fields {
  const ec2 = choose.often(20);
  return {
    ...hardening(choose),
    // ECS Exec needs a root file system that can be written to.
    ...choose.one([
      { executeCommand: choose.often(50) },
      { readOnlyRootFilesystem: readOnly(choose) },
    ]),
    ...reachOf(choose),
    ...onAws(choose),
    ...networkAndSecrets(choose),
    ...choose.fields({
      architecture: () => choose.architecture(),
      cpu: () => choose.one([256, 1024]),
      memory: () => choose.one([512, 2048]),
      desiredCount: () => choose.input(choose.whole(0, 9)),
      health: () => ({
        command: ["/healthy"],
        ...choose.fields({
          interval: () => choose.whole(5, 300),
          timeout: () => choose.whole(2, 60),
          retries: () => choose.whole(1, 10),
          startPeriod: () => choose.whole(0, 300),
        }),
      }),
      command: () => words(choose),
      user: () => choose.input("1000"),
      assignPublicIp: () => choose.often(50),
      executionPolicyArns: () => choose.some(policies).map((one) => choose.input(one)),
      pullSecretArn: () => choose.input(choose.secretArn()),
      steadyStateTimeout: () => choose.whole(1, 360),
    }),
    ...(ec2
      ? {
          ...noNewPrivileges(choose),
          launchType: "EC2",
          clusterArn: choose.input("arn:aws:ecs:eu-west-1:123456789012:cluster/c"),
        }
      : choose.fields({ launchType: () => "FARGATE", spot: () => choose.often(50) })),
  };
}

export function lambdaOf(choose: Chooser): Fields {
  return {
    ...onAws(choose),
    ...choose.fields({
      architecture: () => choose.architecture(),
      memory: () => choose.input(choose.whole(128, 10_240)),
      timeout: () => choose.input(choose.whole(1, 900)),
      ephemeralStorage: () => choose.input(choose.whole(512, 10_240)),
      command: () => words(choose),
      entryPoint: () => words(choose),
      workingDirectory: () => choose.input("/srv"),
      secretArns: () => [choose.input(choose.anySecretArn())],
      functionUrl: () => choose.fields({ authorization: () => choose.one(["AWS_IAM", "NONE"]) }),
      reservedConcurrency: () => choose.input(choose.whole(0, 99)),
      alias: () => choose.one(["live", "a-1_b"]),
    }),
  };
}
