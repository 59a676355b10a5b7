/**
 * A provider of AWS that makes nothing and accepts everything, for tests of what the engine decides: what is made, imported, kept or
 * replaced. Whatever differs from the state replaces, which is stricter than AWS. No rule of AWS is in it: those are in local/plugins/aws.
 */
"use strict";

const { readFileSync } = require("node:fs");
const plugin = require("../../local/plugins/provider.js");

const { configured, diffResponse, nameOf, provider, read, serve, typeOf, unary, write } = plugin;
const manifest = readFileSync(require.resolve("@pulumi/aws/package.json"), "utf8");

/** What AWS adds, as far as a target reads it. @param {string} id */
const outputsOf = (id) => ({ arn: `arn:aws:echo:::${id}`, name: id });

/** @type {Readonly<Record<string, import("../../local/plugins/types").Properties>>} */
const answers = {
  "aws:index/getRegion:getRegion": { region: "eu-central-1" },
  "aws:ecs/getService:getService": {
    taskDefinition: outputsOf("TaskDefinition-site").arn,
    deployments: [],
    events: [],
  },
};

serve(/** @type {{ version: string }} */ (JSON.parse(manifest)).version, {
  configure: unary(() => configured()),
  check: unary((/** @type {import("@pulumi/pulumi/proto/provider_pb").CheckRequest} */ request) => {
    const response = new provider.CheckResponse();
    response.setInputs(request.getNews());
    return response;
  }),
  diff: unary((/** @type {import("@pulumi/pulumi/proto/provider_pb").DiffRequest} */ request) => {
    const [olds, news] = [read(request.getOldInputs()), read(request.getNews())];
    const names = [...new Set([...Object.keys(olds), ...Object.keys(news)])];
    const changed = names.filter((key) => JSON.stringify(olds[key]) !== JSON.stringify(news[key]));
    return diffResponse(new Map(changed.map((key) => [key, "UPDATE"])), () => true);
  }),
  create: unary(
    (/** @type {import("@pulumi/pulumi/proto/provider_pb").CreateRequest} */ request) => {
      const id = `${typeOf(request.getUrn()).split(":").at(-1)}-${nameOf(request.getUrn())}`;
      const response = new provider.CreateResponse();
      // In a preview nothing is known that is not given.
      const made = request.getPreview() ? {} : outputsOf(id);
      response.setId(request.getPreview() ? "" : id);
      response.setProperties(write({ ...made, ...read(request.getProperties()) }));
      return response;
    },
  ),
  read: unary((/** @type {import("@pulumi/pulumi/proto/provider_pb").ReadRequest} */ request) => {
    const response = new provider.ReadResponse();
    response.setId(request.getId());
    response.setInputs(write({ name: request.getId(), retentionInDays: 7 }));
    response.setProperties(write({ ...outputsOf(request.getId()), retentionInDays: 7 }));
    return response;
  }),
  delete: unary(() => new plugin.Empty()),
  invoke: unary(
    (/** @type {import("@pulumi/pulumi/proto/provider_pb").InvokeRequest} */ request) => {
      const response = new provider.InvokeResponse();
      response.setReturn(write({ ...read(request.getArgs()), ...answers[request.getTok()] }));
      return response;
    },
  ),
});
