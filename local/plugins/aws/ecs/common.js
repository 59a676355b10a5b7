/** What the resources of ECS share. */
"use strict";

const ecs = require("@aws-sdk/client-ecs");
const { attempt } = require("../errors.js");
const { allTags, tagChanges } = require("../sdk.js");

/** @typedef {import("../types").Context} Context */
/** @typedef {Record<string, string>} Tags */

/** @param {Context} context */
const ecsOf = (context) => context.client("ecs", ecs.ECSClient);

/** ECS writes tags in lower case. @param {Tags} tags */
const ecsTags = (tags) => Object.entries(tags).map(([key, value]) => ({ key, value }));

/**
 * The tags as a resource's state has them: its own, and all.
 *
 * @param {Context} context
 * @param {{ key?: string, value?: string }[] | undefined} list
 */
function tagsOut({ defaultTags }, list = []) {
  const all = Object.fromEntries(list.map(({ key = "", value = "" }) => [key, value]));
  const own = Object.entries(all).filter(([key]) => !(key in defaultTags));
  return { tags: Object.fromEntries(own), tagsAll: all };
}

/** @param {Context} context @param {string} what @param {string} arn @param {any} inputs @param {any} old */
async function updateTags(context, what, arn, inputs, old) {
  const { removed, written } = tagChanges(old.tagsAll ?? {}, allTags(context, inputs.tags));
  await attempt(`updating tags for ${what}`, async () => {
    if (removed.length > 0) {
      await ecsOf(context).send(
        new ecs.UntagResourceCommand({ resourceArn: arn, tagKeys: removed }),
      );
    }
    if (Object.keys(written).length > 0) {
      const tags = ecsTags(written);
      await ecsOf(context).send(new ecs.TagResourceCommand({ resourceArn: arn, tags }));
    }
  });
}

/** As `cluster/NAME` and `service/CLUSTER/NAME` end. @param {string | undefined} arn */
const lastOf = (arn = "") => arn.split("/").at(-1) ?? arn;

module.exports = { ecsOf, ecsTags, lastOf, tagsOut, updateTags };
