/** One image, and a service of Fargate that runs it behind a load balancer. */
import * as pulumi from "@pulumi/pulumi";
import * as multiarch from "multiarch";

const config = new pulumi.Config();

const web = new multiarch.App("web", {
  image: { context: "./app", builder: config.getObject<multiarch.BuilderArgs>("builder") },
  ecs: {
    architecture: config.get<multiarch.Architecture>("architecture"),
    desiredCount: 2,
    containerPort: 8080,
    loadBalancer: { ingressCidrs: ["0.0.0.0/0"], healthPath: "/" },
  },
});

export const imageUri = web.imageUri;
export const url = web.url;
export const logsCommand = web.logsCommand;
