/**
 * The provider's configuration, and what a service file gets of it: clients of the AWS SDK, the account,
 * the region and the default tags.
 */
"use strict";

const { STSClient, GetCallerIdentityCommand } = require("@aws-sdk/client-sts");
const { attempt } = require("./errors.js");

/** @typedef {import("./types").Context} Context */

/**
 * @typedef {object} Settings
 * @property {string} [region]
 * @property {string} [accessKey]
 * @property {string} [secretKey]
 * @property {string} [token]
 * @property {Record<string, string>} endpoints
 * @property {Record<string, string>} defaultTags
 */

/** What the provider may be configured with (aws.ProviderArgs). The rest of it changes nothing here. */
const CONFIG = new Set(
  `accessKey allowedAccountIds assumeRoleWithWebIdentity assumeRoles customCaBundle defaultTags
  ec2MetadataServiceEndpoint ec2MetadataServiceEndpointMode endpoints forbiddenAccountIds httpProxy
  httpsProxy ignoreTags insecure maxRetries noProxy profile region retryMode s3UsEast1RegionalEndpoint
  s3UsePathStyle secretKey sharedConfigFiles sharedCredentialsFiles skipCredentialsValidation
  skipMetadataApiCheck skipRegionValidation skipRequestingAccountId stsRegion tagPolicyCompliance token
  tokenBucketRateLimiterCapacity useDualstackEndpoint useFipsEndpoint userAgents version`.split(
    /\s+/,
  ),
);

/**
 * The provider's names of a service that has several (aws.types.input.ProviderEndpoint), by the SDK's.
 *
 * @type {Record<string, string[]>}
 */
const ALIASES = {
  elbv2: ["elasticloadbalancingv2", "elb", "elasticloadbalancing"],
  logs: ["cloudwatchlogs", "cloudwatchlog"],
};

/** Provider settings that are no strings travel as JSON. @param {unknown} value @returns {any} */
function decoded(value) {
  return typeof value === "string" && value !== "" ? JSON.parse(value) : value;
}

/** @param {Record<string, any>} config @returns {Settings} */
function settingsFrom(config) {
  const { region, accessKey, secretKey, token } = config;
  /** @type {Record<string, string>[]} */
  const endpoints = decoded(config.endpoints) ?? [];
  const { tags = {} } = decoded(config.defaultTags) ?? {};
  return {
    ...{ region, accessKey, secretKey, token },
    endpoints: Object.assign({}, ...endpoints),
    defaultTags: tags,
  };
}

/** @type {Settings} */
let settings = { endpoints: {}, defaultTags: {} };

/** @param {Record<string, any>} config */
function configureWith(config) {
  settings = settingsFrom(config);
}

/** How the provider is configured. */
const current = () => settings;

/** @param {string} service */
function endpointOf(service) {
  const names = [service, ...(ALIASES[service] ?? [])];
  const url = names.map((name) => settings.endpoints[name]).find(Boolean);
  if (!url) {
    throw new Error(
      `this stand-in for the aws plugin works with emulators only, and aws:endpoints names none for ` +
        `${service}: for AWS itself use the official plugin (pulumi plugin install resource aws)`,
    );
  }
  return url;
}

/** Clients hold connections, so they are kept. */
const clients = new Map();

/**
 * @template T
 * @param {string} region
 * @param {string} service
 * @param {new (config: any) => T} Client
 * @returns {T}
 */
function client(region, service, Client) {
  const endpoint = endpointOf(service);
  const key = JSON.stringify([service, Client.name, region, endpoint, settings.accessKey]);
  const { accessKey, secretKey, token } = settings;
  if (!clients.has(key)) {
    const credentials = {
      accessKeyId: accessKey ?? process.env.AWS_ACCESS_KEY_ID ?? "test",
      secretAccessKey: secretKey ?? process.env.AWS_SECRET_ACCESS_KEY ?? "test",
      ...(token ? { sessionToken: token } : {}),
    };
    clients.set(key, new Client({ region, endpoint, credentials }));
  }
  return clients.get(key);
}

/** @type {Map<string, Promise<string>>} */
const accounts = new Map();

/**
 * What one call gets.
 *
 * @param {string | undefined} own the resource's own region
 * @param {AbortSignal} signal
 * @param {number} timeout
 * @returns {Promise<Context>}
 */
async function contextOf(own, signal, timeout) {
  const region = own ?? settings.region ?? process.env.AWS_REGION;
  if (!region) {
    throw new Error("Missing region configuration: set aws:region, or the region of the provider");
  }
  const sts = client(region, "sts", STSClient);
  const key = `${endpointOf("sts")} ${settings.accessKey}`;
  const asked =
    accounts.get(key) ??
    attempt(
      "retrieving AWS account details",
      async () => (await sts.send(new GetCallerIdentityCommand())).Account ?? "",
    );
  accounts.set(key, asked);
  asked.catch(() => accounts.delete(key));
  return {
    client: (service, Client) => client(region, service, Client),
    region,
    accountId: await asked,
    partition: "aws",
    defaultTags: settings.defaultTags,
    endpoint: (service) => endpointOf(service),
    timeout,
    aborted: () => signal.aborted,
    sleep: (ms) =>
      new Promise((resolve) => {
        const done = () => {
          clearTimeout(timer);
          signal.removeEventListener("abort", done);
          resolve();
        };
        const timer = setTimeout(done, ms);
        signal.addEventListener("abort", done);
        if (signal.aborted) done();
      }),
  };
}

module.exports = { CONFIG, configureWith, contextOf, current };
