/** One image, and a Lambda function of it with an address for callers that IAM knows. */
import * as pulumi from "@pulumi/pulumi";
import * as multiarch from "multiarch";

const config = new pulumi.Config();

const web = new multiarch.App("web", {
  image: { context: "./app", builder: config.getObject<multiarch.BuilderArgs>("builder") },
  lambda: {
    architecture: config.get<multiarch.Architecture>("architecture"),
    memory: 256,
    functionUrl: { authorization: multiarch.FunctionUrlAuth.Iam },
  },
});

export const imageUri = web.imageUri;
export const url = web.url;
export const logsCommand = web.logsCommand;
