/**
 * IAM roles, their policies and instance profiles. Rules: terraform-provider-aws v6, internal/service/iam
 * (role.go, role_policy.go, role_policy_attachment.go, instance_profile.go).
 */
"use strict";

const iam = require("@aws-sdk/client-iam");
const { attempt, ifFound } = require("./errors.js");
const { allTags, tagChanges, tagList, tagMap } = require("./sdk.js");

/** @typedef {import("./types").Context} Context */

const GONE = "NoSuchEntityException";

/** @param {Context} context */
const iamOf = (context) => context.client("iam", iam.IAMClient);

/** What a policy document in the API is: URL-encoded. @param {string | undefined} text */
const decoded = (text = "") => (text.startsWith("%") ? decodeURIComponent(text) : text);

/** @param {Context} context @param {Record<string, string>} tags */
function ownTags({ defaultTags }, tags) {
  return Object.fromEntries(Object.entries(tags).filter(([key]) => !(key in defaultTags)));
}

/** @param {Context} context @param {string} RoleName */
async function findRole(context, RoleName) {
  const found = await attempt(`reading IAM Role (${RoleName})`, () =>
    ifFound(iamOf(context).send(new iam.GetRoleCommand({ RoleName })), GONE),
  );
  return found?.Role;
}

/** @type {import("./types").Resource} */
const role = {
  inputs: {
    assumeRolePolicy: "json",
    description: "string",
    forceDetachPolicies: "boolean",
    inlinePolicies: { set: { object: { name: "string", policy: "json" } } },
    managedPolicyArns: { set: "string" },
    maxSessionDuration: "number",
    name: "string",
    namePrefix: "string",
    path: "string",
    permissionsBoundary: "string",
    tags: { map: "string" },
  },
  required: ["assumeRolePolicy"],
  outputs: ["arn", "createDate", "name", "uniqueId"],
  forceNew: ["name", "namePrefix", "path"],
  defaults: { forceDetachPolicies: false, maxSessionDuration: 3600, path: "/" },
  autoname: "name",
  autonameMax: 64,
  check({ name, inlinePolicies, managedPolicyArns, maxSessionDuration: seconds = 3600 }) {
    /** @type {Record<string, string>} */
    const problems = {};
    if (name !== undefined && !/^[\w+=,.@-]{1,64}$/.test(name)) {
      problems.name = `invalid value for name (must match [\\w+=,.@-] and have at most 64 characters): ${name}`;
    }
    if (seconds < 3600 || seconds > 43200) {
      problems.maxSessionDuration = `expected max_session_duration to be in the range (3600 - 43200), got ${seconds}`;
    }
    if (inlinePolicies || managedPolicyArns) {
      problems.inlinePolicies =
        "exclusive policies of a role are deprecated and not in this stand-in: use RolePolicy and RolePolicyAttachment";
    }
    return problems;
  },
  async create(context, inputs) {
    const { Role } = await attempt(`creating IAM Role (${inputs.name})`, () =>
      iamOf(context).send(
        new iam.CreateRoleCommand({
          RoleName: inputs.name,
          AssumeRolePolicyDocument: inputs.assumeRolePolicy,
          Description: inputs.description,
          MaxSessionDuration: inputs.maxSessionDuration,
          Path: inputs.path ?? "/",
          PermissionsBoundary: inputs.permissionsBoundary,
          Tags: tagList(allTags(context, inputs.tags)),
        }),
      ),
    );
    const createDate = Role?.CreateDate?.toISOString();
    const outputs = { arn: Role?.Arn, createDate, uniqueId: Role?.RoleId };
    return { id: inputs.name, outputs };
  },
  async read(context, id) {
    const found = await findRole(context, id);
    if (!found) return undefined;
    const { Tags } = await iamOf(context).send(new iam.ListRoleTagsCommand({ RoleName: id }));
    const tags = tagMap(/** @type {any} */ (Tags));
    return {
      name: id,
      arn: found.Arn,
      uniqueId: found.RoleId,
      assumeRolePolicy: decoded(found.AssumeRolePolicyDocument),
      description: found.Description ?? "",
      maxSessionDuration: found.MaxSessionDuration,
      path: found.Path,
      tags: ownTags(context, tags),
      tagsAll: tags,
    };
  },
  async update(context, id, inputs, old) {
    const client = iamOf(context);
    const PolicyDocument = inputs.assumeRolePolicy;
    await attempt(`updating IAM Role (${id}) assume role policy`, () =>
      client.send(new iam.UpdateAssumeRolePolicyCommand({ RoleName: id, PolicyDocument })),
    );
    await attempt(`updating IAM Role (${id})`, () =>
      client.send(
        new iam.UpdateRoleCommand({
          RoleName: id,
          Description: inputs.description ?? "",
          MaxSessionDuration: inputs.maxSessionDuration ?? 3600,
        }),
      ),
    );
    const { removed, written } = tagChanges(old.tagsAll ?? {}, allTags(context, inputs.tags));
    await attempt(`updating tags for IAM Role (${id})`, async () => {
      if (removed.length > 0) {
        await client.send(new iam.UntagRoleCommand({ RoleName: id, TagKeys: removed }));
      }
      if (Object.keys(written).length > 0) {
        await client.send(new iam.TagRoleCommand({ RoleName: id, Tags: tagList(written) }));
      }
    });
    return {};
  },
  async delete(context, id, state) {
    const client = iamOf(context);
    await attempt(`deleting IAM Role (${id})`, async () => {
      if (state.forceDetachPolicies) {
        const attached = await ifFound(
          client.send(new iam.ListAttachedRolePoliciesCommand({ RoleName: id })),
          GONE,
        );
        for (const { PolicyArn } of attached?.AttachedPolicies ?? []) {
          await client.send(new iam.DetachRolePolicyCommand({ RoleName: id, PolicyArn }));
        }
      }
      await ifFound(client.send(new iam.DeleteRoleCommand({ RoleName: id })), GONE);
    });
  },
};

/** @param {Context} context @param {any} inputs */
async function putRolePolicy(context, { role: RoleName, name: PolicyName, policy }) {
  await attempt(`putting IAM Role (${RoleName}) Policy (${PolicyName})`, () =>
    iamOf(context).send(
      new iam.PutRolePolicyCommand({ RoleName, PolicyName, PolicyDocument: policy }),
    ),
  );
  return {};
}

/** @param {string} id */
function partsOf(id) {
  const [RoleName, ...rest] = id.split(":");
  return { RoleName, PolicyName: rest.join(":") };
}

/** @type {import("./types").Resource} */
const rolePolicy = {
  inputs: { name: "string", namePrefix: "string", policy: "json", role: "string" },
  required: ["policy", "role"],
  outputs: ["name"],
  forceNew: ["name", "namePrefix", "role"],
  autoname: "name",
  autonameMax: 128,
  async create(context, inputs) {
    const outputs = await putRolePolicy(context, inputs);
    return { id: `${inputs.role}:${inputs.name}`, outputs };
  },
  async read(context, id) {
    const found = await ifFound(
      iamOf(context).send(new iam.GetRolePolicyCommand(partsOf(id))),
      GONE,
    );
    return (
      found && {
        name: found.PolicyName,
        role: found.RoleName,
        policy: decoded(found.PolicyDocument),
      }
    );
  },
  update: (context, _id, inputs) => putRolePolicy(context, inputs),
  async delete(context, id) {
    await attempt(`deleting IAM Role Policy (${id})`, () =>
      ifFound(iamOf(context).send(new iam.DeleteRolePolicyCommand(partsOf(id))), GONE),
    );
  },
};

/** @type {import("./types").Resource} */
const rolePolicyAttachment = {
  inputs: { policyArn: "string", role: "string" },
  required: ["policyArn", "role"],
  forceNew: ["policyArn", "role"],
  // pulumi-aws, resources.go: the old one's delete would take the new one with it.
  deleteBeforeReplace: true,
  async create(context, { role: RoleName, policyArn: PolicyArn }) {
    await attempt(`attaching IAM Policy (${PolicyArn}) to IAM Role (${RoleName})`, () =>
      iamOf(context).send(new iam.AttachRolePolicyCommand({ RoleName, PolicyArn })),
    );
    return { id: `${RoleName}/${PolicyArn}`, outputs: {} };
  },
  async read(context, id, state) {
    const [RoleName, ...rest] = id.split("/");
    const policyArn = state.policyArn ?? rest.join("/");
    const found = await ifFound(
      iamOf(context).send(new iam.ListAttachedRolePoliciesCommand({ RoleName })),
      GONE,
    );
    const there = found?.AttachedPolicies?.some(({ PolicyArn }) => PolicyArn === policyArn);
    return there ? { policyArn, role: RoleName } : undefined;
  },
  async delete(context, _id, { role: RoleName, policyArn: PolicyArn }) {
    await attempt(`detaching IAM Policy (${PolicyArn}) from IAM Role (${RoleName})`, () =>
      ifFound(iamOf(context).send(new iam.DetachRolePolicyCommand({ RoleName, PolicyArn })), GONE),
    );
  },
};

module.exports = {
  resources: {
    "aws:iam/instanceProfile:InstanceProfile": require("./iam/instanceProfile.js"),
    "aws:iam/role:Role": role,
    "aws:iam/rolePolicy:RolePolicy": rolePolicy,
    "aws:iam/rolePolicyAttachment:RolePolicyAttachment": rolePolicyAttachment,
  },
};
