/** One image for two architectures: an x86_64 instance that serves, and arm64 tasks of Fargate that work. */
import * as pulumi from "@pulumi/pulumi";
import * as multiarch from "multiarch";

const config = new pulumi.Config();

const web = new multiarch.App("web", {
  image: { context: "./app", builder: config.getObject<multiarch.BuilderArgs>("builder") },
  ec2: { instanceType: "t3.small", containerPort: 8080, ingressCidrs: ["203.0.113.0/24"] },
  ecs: { architecture: multiarch.Architecture.Arm64 },
});

// A second service of the same image, built once.
const nightly = new multiarch.EcsTarget("nightly", {
  image: web.image,
  architecture: multiarch.Architecture.Arm64,
  clusterArn: web.ecs?.clusterArn,
  command: ["sh", "-c", "while sleep 86400; do echo cleaning up; done"],
});

export const platforms = web.platforms;
export const url = web.url;
export const logsCommands = [web.ec2?.logsCommand, web.ecs?.logsCommand, nightly.logsCommand];
