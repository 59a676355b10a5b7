/** Tags of EC2's things, which have one API for all. */
"use strict";

const { CreateTagsCommand, DeleteTagsCommand, EC2Client } = require("@aws-sdk/client-ec2");
const { attempt } = require("../errors.js");
const { allTags, tagChanges, tagList } = require("../sdk.js");

/** @typedef {import("../types").Context} Context */

/**
 * The tags of a create call; none at all where there are none, as EC2 refuses an empty list.
 *
 * @param {Context} context
 * @param {import("@aws-sdk/client-ec2").ResourceType} kind
 * @param {Record<string, string> | undefined} tags
 */
function specifications(context, kind, tags) {
  const list = tagList(allTags(context, tags));
  return list.length === 0 ? [] : [{ ResourceType: kind, Tags: list }];
}

/**
 * Makes a thing's tags those of the new inputs; gives `tagsAll`.
 *
 * @param {Context} context
 * @param {string} id
 * @param {any} inputs
 * @param {any} old
 */
async function updateTags(context, id, inputs, old) {
  const ec2 = context.client("ec2", EC2Client);
  const tagsAll = allTags(context, inputs.tags);
  const { removed, written } = tagChanges(old.tagsAll ?? {}, tagsAll);
  await attempt(`updating tags for EC2 (${id})`, async () => {
    if (removed.length > 0) {
      const Tags = removed.map((Key) => ({ Key }));
      await ec2.send(new DeleteTagsCommand({ Resources: [id], Tags }));
    }
    if (Object.keys(written).length > 0) {
      await ec2.send(new CreateTagsCommand({ Resources: [id], Tags: tagList(written) }));
    }
  });
  return tagsAll;
}

module.exports = { specifications, updateTags };
