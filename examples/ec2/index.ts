/** One image and one EC2 instance that runs it. Change the instance type to t4g.small, and look at `pulumi preview`. */
import * as pulumi from "@pulumi/pulumi";
import * as multiarch from "multiarch";

const config = new pulumi.Config();

const web = new multiarch.App("web", {
  image: { context: "./app", builder: config.getObject<multiarch.BuilderArgs>("builder") },
  ec2: {
    // The platform that is built follows from this line.
    instanceType: config.get("instanceType") ?? "t3.small",
    containerPort: 8080,
    ingressCidrs: ["203.0.113.0/24"],
    health: { path: "/" },
  },
});

export const imageUri = web.imageUri;
export const url = web.url;
export const logsCommand = web.logsCommand;
export const shellCommand = web.shellCommand;
