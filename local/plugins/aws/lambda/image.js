/**
 * What Lambda looks at before it takes an image; ministack takes any. It is read from the registry
 * that the image's URI names: by plain HTTP on this machine, as BuildKit pushes there.
 */
"use strict";

const { ECRClient, GetAuthorizationTokenCommand } = require("@aws-sdk/client-ecr");
const { refusal } = require("../sdk.js");

/** @typedef {import("../types").Context} Context */

const MANIFESTS = [
  "application/vnd.oci.image.index.v1+json",
  "application/vnd.docker.distribution.manifest.list.v2+json",
  "application/vnd.oci.image.manifest.v1+json",
  "application/vnd.docker.distribution.manifest.v2+json",
];
/** OCI's names of Lambda's architectures. */
const ARCHITECTURES = { x86_64: "amd64", arm64: "arm64" };
const CODE = "InvalidParameterValueException";

/** @param {string} uri */
function parse(uri) {
  const [, host = "", repository = "", tag, digest] =
    /^([^/]+)\/([^@]+?)(?::([\w.-]+))?(?:@(sha256:[0-9a-f]{64}))?$/.exec(uri) ?? [];
  if (host === "") {
    throw refusal(CODE, `Source image ${uri} is not valid. Provide a valid source image.`);
  }
  const local = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])(:\d+)?$/.test(host);
  const root = `${local ? "http" : "https"}://${host}/v2/${repository}`;
  return { root, reference: digest ?? tag ?? "latest" };
}

/**
 * @param {Context} context
 * @param {string} uri
 * @param {string} place
 */
async function get(context, uri, place) {
  const ask = (/** @type {Record<string, string>} */ headers) =>
    fetch(place, { headers: { accept: MANIFESTS.join(", "), ...headers } });
  let answer = await ask({});
  if (answer.status === 401) {
    const command = new GetAuthorizationTokenCommand({});
    const { authorizationData } = await context.client("ecr", ECRClient).send(command);
    answer = await ask({ authorization: `Basic ${authorizationData?.[0]?.authorizationToken}` });
  }
  if (answer.status === 404) {
    throw refusal(CODE, `Source image ${uri} does not exist. Provide a valid source image.`);
  }
  if (!answer.ok) {
    throw refusal(CODE, `Source image ${uri} can't be read: the registry says ${answer.status}`);
  }
  return /** @type {Promise<any>} */ (answer.json());
}

/**
 * Refuses an index, an image for another architecture, and layers of zstd.
 *
 * @param {Context} context
 * @param {string} uri
 * @param {"x86_64" | "arm64"} architecture
 */
async function checkImage(context, uri, architecture) {
  const { root, reference } = parse(uri);
  const unsupported = () =>
    refusal(
      CODE,
      `The image manifest, config or layer media type for the source image ${uri} is not supported.`,
    );
  const manifest = await get(context, uri, `${root}/manifests/${reference}`);
  /** @type {{ mediaType?: string }[] | undefined} */
  const layers = manifest.layers;
  if (!manifest.config || !layers || layers.some(({ mediaType }) => mediaType?.endsWith("+zstd"))) {
    throw unsupported();
  }
  const config = await get(context, uri, `${root}/blobs/${manifest.config.digest}`);
  if (config.architecture !== ARCHITECTURES[architecture]) {
    throw unsupported();
  }
}

module.exports = { checkImage };
