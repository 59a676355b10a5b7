/** aws:lb/listener:Listener. Source: terraform-provider-aws, internal/service/elbv2/listener.go. */
"use strict";

const elb = require("@aws-sdk/client-elastic-load-balancing-v2");
const { attempt, ifFound } = require("../errors.js");
const { allTags, refusal } = require("../sdk.js");
const { client, tagsOf, updateTags } = require("./attributes.js");

/** @typedef {import("../types").Context} Context */
/** @typedef {import("@aws-sdk/client-elastic-load-balancing-v2").Action} Action */

/**
 * @param {any} action
 * @param {number} index
 * @returns {Action}
 */
function actionOf(action, index) {
  const { fixedResponse, forward, order = index + 1, redirect, targetGroupArn, type } = action;
  const base = { Order: order, Type: type };
  if (redirect) {
    // The defaults keep what the request had.
    const RedirectConfig = {
      Host: redirect.host ?? "#{host}",
      Path: redirect.path ?? "/#{path}",
      Port: redirect.port ?? "#{port}",
      Protocol: redirect.protocol ?? "#{protocol}",
      Query: redirect.query ?? "#{query}",
      StatusCode: redirect.statusCode,
    };
    return { ...base, RedirectConfig };
  }
  if (fixedResponse) {
    const FixedResponseConfig = {
      ContentType: fixedResponse.contentType,
      MessageBody: fixedResponse.messageBody,
      StatusCode: fixedResponse.statusCode,
    };
    return { ...base, FixedResponseConfig };
  }
  if (forward) {
    const TargetGroups = forward.targetGroups.map((/** @type {any} */ { arn, weight }) => ({
      TargetGroupArn: arn,
      Weight: weight,
    }));
    const { stickiness } = forward;
    const TargetGroupStickinessConfig = stickiness && {
      DurationSeconds: stickiness.duration,
      Enabled: stickiness.enabled ?? false,
    };
    return { ...base, ForwardConfig: { TargetGroups, TargetGroupStickinessConfig } };
  }
  return { ...base, TargetGroupArn: targetGroupArn };
}

/** @param {any} inputs */
function settingsOf(inputs) {
  const { certificateArn, port, protocol, sslPolicy } = inputs;
  return {
    AlpnPolicy: inputs.alpnPolicy ? [inputs.alpnPolicy] : undefined,
    Certificates: certificateArn ? [{ CertificateArn: certificateArn }] : undefined,
    DefaultActions: inputs.defaultActions.map(actionOf),
    Port: port,
    Protocol: protocol ?? "HTTP",
    SslPolicy: sslPolicy,
  };
}

/** What AWS refuses and ministack doesn't. @param {any} inputs */
function checkProtocol({ certificateArn, protocol = "HTTP" }) {
  const secure = protocol === "HTTPS" || protocol === "TLS";
  if (secure && !certificateArn) {
    throw refusal("ValidationError", `A certificate must be specified for ${protocol} listeners`);
  }
  if (!secure && certificateArn) {
    throw refusal("ValidationError", `Certificates cannot be specified for ${protocol} listeners`);
  }
}

/**
 * @param {Context} context
 * @param {string} arn
 */
async function find(context, arn) {
  const command = new elb.DescribeListenersCommand({ ListenerArns: [arn] });
  const gone = ["ListenerNotFoundException", "ListenerNotFound"];
  return (await ifFound(client(context).send(command), ...gone))?.Listeners?.[0];
}

/**
 * @param {Context} context
 * @param {string} arn
 * @param {any} inputs
 */
function stateOf(context, arn, inputs) {
  const secure = inputs.certificateArn !== undefined;
  return {
    arn,
    protocol: inputs.protocol ?? "HTTP",
    sslPolicy: inputs.sslPolicy ?? (secure ? "ELBSecurityPolicy-2016-08" : ""),
    tagsAll: allTags(context, inputs.tags),
  };
}

/** @type {import("../types").Resource} */
const listener = {
  inputs: {
    alpnPolicy: "string",
    certificateArn: "string",
    defaultActions: {
      list: {
        object: {
          fixedResponse: {
            object: { contentType: "string", messageBody: "string", statusCode: "string" },
          },
          forward: {
            object: {
              stickiness: { object: { duration: "number", enabled: "boolean" } },
              targetGroups: { set: { object: { arn: "string", weight: "number" } } },
            },
          },
          order: "number",
          redirect: {
            object: {
              host: "string",
              path: "string",
              port: "string",
              protocol: "string",
              query: "string",
              statusCode: "string",
            },
          },
          targetGroupArn: "string",
          type: "string",
        },
      },
    },
    loadBalancerArn: "string",
    port: "number",
    protocol: "string",
    sslPolicy: "string",
    tags: { map: "string" },
  },
  required: ["defaultActions", "loadBalancerArn"],
  outputs: ["arn", "protocol", "sslPolicy"],
  forceNew: ["loadBalancerArn"],
  async create(context, inputs) {
    const id = await attempt(`creating ELBv2 Listener (${inputs.loadBalancerArn})`, async () => {
      checkProtocol(inputs);
      const command = new elb.CreateListenerCommand({
        ...settingsOf(inputs),
        LoadBalancerArn: inputs.loadBalancerArn,
        Tags: tagsOf(context, inputs),
      });
      return (await client(context).send(command)).Listeners?.[0]?.ListenerArn ?? "";
    });
    return { id, outputs: stateOf(context, id, inputs) };
  },
  async read(context, id, state) {
    const found = await find(context, id);
    return (
      found && {
        ...state,
        ...stateOf(context, id, state),
        certificateArn: found.Certificates?.[0]?.CertificateArn ?? state.certificateArn,
        loadBalancerArn: found.LoadBalancerArn,
        port: found.Port,
        protocol: found.Protocol,
      }
    );
  },
  async update(context, id, inputs, old) {
    await attempt(`modifying ELBv2 Listener (${id})`, async () => {
      checkProtocol(inputs);
      const change = { ...settingsOf(inputs), ListenerArn: id };
      await client(context).send(new elb.ModifyListenerCommand(change));
    });
    await updateTags(context, id, inputs, old);
    return stateOf(context, id, inputs);
  },
  async delete(context, id) {
    const work = client(context).send(new elb.DeleteListenerCommand({ ListenerArn: id }));
    await attempt(
      `deleting ELBv2 Listener (${id})`,
      ifFound(work, "ListenerNotFoundException", "ListenerNotFound"),
    );
  },
};

module.exports = {
  resources: {
    "aws:lb/listener:Listener": listener,
    "aws:alb/listener:Listener": listener,
  },
};
