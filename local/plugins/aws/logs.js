/** CloudWatch log groups. Rules: terraform-provider-aws v6, internal/service/logs/group.go. */
"use strict";

const {
  CloudWatchLogsClient,
  CreateLogGroupCommand,
  DeleteLogGroupCommand,
  DeleteRetentionPolicyCommand,
  DescribeLogGroupsCommand,
  ListTagsForResourceCommand,
  PutRetentionPolicyCommand,
  TagResourceCommand,
  UntagResourceCommand,
} = require("@aws-sdk/client-cloudwatch-logs");
const { attempt, ifFound } = require("./errors.js");
const { allTags, tagChanges } = require("./sdk.js");

/** @typedef {import("./types").Context} Context */

/** group.go, `retention_in_days`: validation.IntInSlice. */
const RETENTIONS = [
  ...[0, 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557],
  ...[2922, 3288, 3653],
];

/** @param {Context} context */
const logs = (context) => context.client("logs", CloudWatchLogsClient);

/** @param {Context} context @param {string} name */
async function find(context, name) {
  const { logGroups = [] } = await attempt(`reading CloudWatch Logs Log Group (${name})`, () =>
    logs(context).send(new DescribeLogGroupsCommand({ logGroupNamePrefix: name })),
  );
  return logGroups.find((group) => group.logGroupName === name);
}

/** Without the `:*` that the API adds (group.go, `trimLogGroupARNWildcardSuffix`). */
const arnOf = (/** @type {string | undefined} */ arn = "") => arn.replace(/:\*$/, "");

/** @param {Context} context @param {string} name @param {number} days */
function setRetention(context, name, days) {
  const retention = { logGroupName: name, retentionInDays: days };
  return attempt(`setting CloudWatch Logs Log Group (${name}) retention policy`, () =>
    days > 0
      ? logs(context).send(new PutRetentionPolicyCommand(retention))
      : logs(context).send(new DeleteRetentionPolicyCommand({ logGroupName: name })),
  );
}

/** @type {import("./types").Resource} */
const group = {
  inputs: {
    deletionProtectionEnabled: "boolean",
    kmsKeyId: "string",
    logGroupClass: "string",
    name: "string",
    namePrefix: "string",
    retentionInDays: "number",
    skipDestroy: "boolean",
    tags: { map: "string" },
  },
  outputs: ["arn", "logGroupClass", "name"],
  forceNew: ["name", "namePrefix", "logGroupClass"],
  defaults: { retentionInDays: 0, skipDestroy: false },
  autoname: "name",
  autonameMax: 512,
  check({ retentionInDays: days, name }) {
    /** @type {Record<string, string>} */
    const problems = {};
    if (days !== undefined && !RETENTIONS.includes(days)) {
      const known = RETENTIONS.join(" ");
      problems.retentionInDays = `expected retention_in_days to be one of [${known}], got ${days}`;
    }
    if (name !== undefined && !/^[\w./#-]{1,512}$/.test(name)) {
      problems.name = `isn't a valid log group name (alphanumeric characters, underscores, hyphens, slashes, hash signs and dots are allowed): "${name}"`;
    }
    return problems;
  },
  async create(context, inputs) {
    const { name, kmsKeyId, logGroupClass, retentionInDays } = inputs;
    const tags = allTags(context, inputs.tags);
    const request = { logGroupName: name, kmsKeyId, logGroupClass, tags };
    await attempt(`creating CloudWatch Logs Log Group (${name})`, () =>
      logs(context).send(new CreateLogGroupCommand(request)),
    );
    if (retentionInDays > 0) await setRetention(context, name, retentionInDays);
    const found = await find(context, name);
    const outputs = { arn: arnOf(found?.arn), logGroupClass: logGroupClass ?? "STANDARD" };
    return { id: name, outputs };
  },
  async read(context, id) {
    const found = await find(context, id);
    if (!found) return undefined;
    const arn = arnOf(found.arn);
    const { tags = {} } = await logs(context).send(
      new ListTagsForResourceCommand({ resourceArn: arn }),
    );
    const own = Object.entries(tags).filter(([key]) => !(key in context.defaultTags));
    return {
      name: id,
      arn,
      retentionInDays: found.retentionInDays ?? 0,
      tags: Object.fromEntries(own),
      tagsAll: tags,
    };
  },
  async update(context, id, inputs, old) {
    await setRetention(context, id, inputs.retentionInDays ?? 0);
    const { removed, written } = tagChanges(old.tagsAll ?? {}, allTags(context, inputs.tags));
    const resourceArn = old.arn;
    await attempt(`updating tags for CloudWatch Logs Log Group (${id})`, async () => {
      if (removed.length > 0) {
        await logs(context).send(new UntagResourceCommand({ resourceArn, tagKeys: removed }));
      }
      if (Object.keys(written).length > 0) {
        await logs(context).send(new TagResourceCommand({ resourceArn, tags: written }));
      }
    });
    return { arn: old.arn, logGroupClass: old.logGroupClass };
  },
  async delete(context, id, state) {
    if (state.skipDestroy) return;
    await attempt(`deleting CloudWatch Logs Log Group (${id})`, () =>
      ifFound(
        logs(context).send(new DeleteLogGroupCommand({ logGroupName: id })),
        "ResourceNotFoundException",
      ),
    );
  },
};

module.exports = { resources: { "aws:cloudwatch/logGroup:LogGroup": group } };
