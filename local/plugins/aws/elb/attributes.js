/** What load balancers and target groups have in common: tags, and attributes that are strings. */
"use strict";

const elb = require("@aws-sdk/client-elastic-load-balancing-v2");
const { attempt } = require("../errors.js");
const { allTags, tagChanges, tagList } = require("../sdk.js");

/** @typedef {import("../types").Context} Context */

/** @param {Context} context */
const client = (context) => context.client("elbv2", elb.ElasticLoadBalancingV2Client);

/** The tags of a create call. @param {Context} context @param {any} inputs */
function tagsOf(context, { tags }) {
  const list = tagList(allTags(context, tags));
  return list.length > 0 ? list : undefined;
}

/**
 * @param {Context} context
 * @param {string} arn
 * @param {any} inputs
 * @param {any} old
 */
async function updateTags(context, arn, inputs, old) {
  const { removed, written } = tagChanges(old.tagsAll ?? {}, allTags(context, inputs.tags));
  await attempt(`updating tags for ELBv2 (${arn})`, async () => {
    if (removed.length > 0) {
      const change = { ResourceArns: [arn], TagKeys: removed };
      await client(context).send(new elb.RemoveTagsCommand(change));
    }
    if (Object.keys(written).length > 0) {
      const change = { ResourceArns: [arn], Tags: tagList(written) };
      await client(context).send(new elb.AddTagsCommand(change));
    }
  });
}

/**
 * The stated inputs among those that are attributes, as AWS takes them.
 *
 * @param {Record<string, string>} names the attributes' keys by the inputs' names
 * @param {any} inputs
 */
function attributesOf(names, inputs) {
  return Object.entries(names)
    .filter(([name]) => inputs[name] !== undefined)
    .map(([name, Key]) => ({ Key, Value: String(inputs[name]) }));
}

module.exports = { attributesOf, client, tagsOf, updateTags };
