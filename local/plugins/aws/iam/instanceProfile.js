/** Instance profiles. Rules: terraform-provider-aws v6, internal/service/iam/instance_profile.go. */
"use strict";

const iam = require("@aws-sdk/client-iam");
const { attempt, ifFound, made } = require("../errors.js");
const { allTags, tagChanges, tagList, tagMap } = require("../sdk.js");

/** @typedef {import("../types").Context} Context */

const GONE = "NoSuchEntityException";

/** @param {Context} context */
const iamOf = (context) => context.client("iam", iam.IAMClient);

/** @param {Context} context @param {string} name @param {string | undefined} role */
async function add(context, name, role) {
  if (!role) return;
  await attempt(`adding role (${role}) to IAM Instance Profile (${name})`, () =>
    iamOf(context).send(
      new iam.AddRoleToInstanceProfileCommand({ InstanceProfileName: name, RoleName: role }),
    ),
  );
}

/** @param {Context} context @param {string} name @param {string | undefined} role */
async function drop(context, name, role) {
  if (!role) return;
  await attempt(`removing role (${role}) from IAM Instance Profile (${name})`, () =>
    ifFound(
      iamOf(context).send(
        new iam.RemoveRoleFromInstanceProfileCommand({ InstanceProfileName: name, RoleName: role }),
      ),
      GONE,
    ),
  );
}

/** @type {import("../types").Resource} */
module.exports = {
  inputs: {
    name: "string",
    namePrefix: "string",
    path: "string",
    role: "string",
    tags: { map: "string" },
  },
  outputs: ["arn", "createDate", "name", "uniqueId"],
  forceNew: ["name", "namePrefix", "path"],
  defaults: { path: "/" },
  autoname: "name",
  autonameMax: 128,
  async create(context, inputs) {
    const { name, path = "/", role } = inputs;
    const Tags = tagList(allTags(context, inputs.tags));
    const request = { InstanceProfileName: name, Path: path, Tags };
    const { InstanceProfile: profile } = await attempt(
      `creating IAM Instance Profile (${name})`,
      () => iamOf(context).send(new iam.CreateInstanceProfileCommand(request)),
    );
    const createDate = profile?.CreateDate?.toISOString();
    const outputs = { arn: profile?.Arn, createDate, uniqueId: profile?.InstanceProfileId };
    await add(context, name, role).catch((error) => {
      throw made(error, { id: name, outputs });
    });
    return { id: name, outputs };
  },
  async read(context, id) {
    const found = await attempt(`reading IAM Instance Profile (${id})`, () =>
      ifFound(
        iamOf(context).send(new iam.GetInstanceProfileCommand({ InstanceProfileName: id })),
        GONE,
      ),
    );
    const profile = found?.InstanceProfile;
    if (!profile) return undefined;
    const tags = tagMap(/** @type {any} */ (profile.Tags));
    const own = Object.entries(tags).filter(([key]) => !(key in context.defaultTags));
    return {
      name: id,
      arn: profile.Arn,
      uniqueId: profile.InstanceProfileId,
      path: profile.Path,
      role: profile.Roles?.[0]?.RoleName,
      tags: Object.fromEntries(own),
      tagsAll: tags,
    };
  },
  async update(context, id, inputs, old) {
    if (inputs.role !== old.role) {
      await drop(context, id, old.role);
      await add(context, id, inputs.role);
    }
    const client = iamOf(context);
    const { removed, written } = tagChanges(old.tagsAll ?? {}, allTags(context, inputs.tags));
    await attempt(`updating tags for IAM Instance Profile (${id})`, async () => {
      const InstanceProfileName = id;
      if (removed.length > 0) {
        await client.send(
          new iam.UntagInstanceProfileCommand({ InstanceProfileName, TagKeys: removed }),
        );
      }
      if (Object.keys(written).length > 0) {
        const Tags = tagList(written);
        await client.send(new iam.TagInstanceProfileCommand({ InstanceProfileName, Tags }));
      }
    });
    return {};
  },
  async delete(context, id, state) {
    await drop(context, id, state.role);
    await attempt(`deleting IAM Instance Profile (${id})`, () =>
      ifFound(
        iamOf(context).send(new iam.DeleteInstanceProfileCommand({ InstanceProfileName: id })),
        GONE,
      ),
    );
  },
};
