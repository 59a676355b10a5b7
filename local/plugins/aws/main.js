/**
 * Stands in for the official `aws` plugin (@pulumi/aws 7) where there is no AWS: it works with emulators,
 * and refuses to work with anything else. Each file in services/ is a piece of AWS; this one is what the
 * official plugin's framework does for all of them.
 *
 * Sources: pulumi/pulumi-terraform-bridge v3 (pkg/tfbridge/provider.go and the files named below) and
 * hashicorp/terraform-provider-aws v6 (internal/provider, the `tags` and `region` interceptors).
 */
"use strict";

const { readFileSync } = require("node:fs");
const {
  Empty,
  InitFailed,
  cancellable,
  checkFailure,
  configured,
  diffResponse,
  nameOf,
  provider,
  read,
  serve,
  typeOf,
  unary,
  withoutIgnored,
  write,
} = require("../provider.js");
const { equal, hasSecret, plain, secret, unknown, withUnknowns } = require("../values.js");
const { CONFIG, configureWith, contextOf } = require("./context.js");
const { describe } = require("./errors.js");
const {
  DEFAULTS,
  failuresOf,
  inputChanges,
  refreshed,
  withAutoname,
  withDocuments,
} = require("./schema.js");
const { invokeOf, resourceOf } = require("./services.js");
const { bare, clean, computedIn, regionOf, stateOf, tagsAllOf } = require("./state.js");

/** @typedef {import("../provider").Call} Call */
/** @typedef {import("../types").Properties} Properties */
/** @typedef {import("../types").Value} Value */
/** @typedef {import("./types").Resource} Resource */

/** In the version that the SDK in node_modules asks for. */
const { version } = JSON.parse(readFileSync(require.resolve("@pulumi/aws/package.json"), "utf8"));

/** @param {import("@pulumi/pulumi/proto/provider_pb").CheckRequest} request */
function checkConfig(request) {
  const news = read(request.getNews());
  const response = new provider.CheckResponse();
  response.setInputs(write(news));
  const strange = Object.keys(news).filter((name) => !name.startsWith("__") && !CONFIG.has(name));
  const reason = (/** @type {string} */ name) =>
    `could not validate provider configuration: Invalid or unknown key: aws:${name}`;
  response.setFailuresList(strange.map((name) => checkFailure(name, reason(name))));
  return response;
}

/** @param {import("@pulumi/pulumi/proto/provider_pb").ConfigureRequest} request */
function configure(request) {
  const config = /** @type {Record<string, any>} */ (plain(read(request.getArgs())));
  configureWith(config);
  return configured({ outputs: false });
}

/** @param {import("@pulumi/pulumi/proto/provider_pb").CheckRequest} request */
function check(request) {
  const type = typeOf(request.getUrn());
  const resource = resourceOf(type);
  const news = withDocuments(read(request.getNews()), resource.inputs);
  const seed = Buffer.from(request.getRandomseed_asU8());
  const olds = read(request.getOlds());
  const inputs = withAutoname(resource, nameOf(request.getUrn()), news, olds, seed);
  const failures = failuresOf(type, inputs, resource.inputs, resource.required);
  if (failures.length === 0) {
    // Unknown inputs are absent there: nothing can be said of them yet.
    for (const [property, reason] of Object.entries(resource.check?.(bare(inputs)) ?? {})) {
      failures.push({ property, reason: `${reason} (${type})` });
    }
  }
  const response = new provider.CheckResponse();
  response.setInputs(write(inputs));
  response.setFailuresList(failures.map(({ property, reason }) => checkFailure(property, reason)));
  return response;
}

/**
 * The inputs that change, and which of them replace besides those that always do.
 *
 * @param {Resource} resource
 * @param {Properties} state
 * @param {Properties} olds
 * @param {Properties} news
 * @param {Call} call
 */
async function planned(resource, state, olds, news, call) {
  const found = inputChanges(resource, olds, news);
  const correct = found.size > 0 ? resource.diff : undefined;
  const { same = [], replace = [] } = correct
    ? await inContext(call, 0, news, async (context) =>
        correct(bare({ ...state, ...olds }), bare(news), context),
      )
    : {};
  for (const path of [...found.keys()]) {
    if (same.includes(path.split(/[.[]/)[0] ?? "")) found.delete(path);
  }
  return { found, replace };
}

/**
 * Old inputs against new ones. The official plugin plans against the state, which says the same after a
 * refresh, since Read gives back inputs too.
 *
 * @param {import("@pulumi/pulumi/proto/provider_pb").DiffRequest} request
 * @param {Call} call
 */
async function diff(request, call) {
  const resource = resourceOf(typeOf(request.getUrn()));
  const state = read(request.getOlds());
  const olds = read(request.getOldInputs());
  const news = withoutIgnored(read(request.getNews()), olds, request.getIgnorechangesList());
  const { found, replace } = await planned(resource, state, olds, news, call);
  const root = (/** @type {string} */ path) => path.split(/[.[]/)[0] ?? "";
  const { tagsAll } = tagsAllOf(resource, news);
  if (tagsAll && !equal(tagsAll, withUnknowns(state.tagsAll ?? {}))) found.set("tagsAll", "UPDATE");
  const { region } = regionOf(resource, news);
  if (region && state.region && region !== plain(state.region)) found.set("region", "UPDATE");
  const forced = new Set([...(resource.forceNew ?? []), ...replace]);
  const response = diffResponse(found, (path) => forced.has(root(path)));
  // nameRequiresDeleteBeforeReplace (pkg/tfbridge/schema.go): two of one name can't be there at a time.
  const { autoname } = resource;
  const defaults = Array.isArray(news[DEFAULTS]) ? news[DEFAULTS] : [];
  const named = autoname !== undefined && news[autoname] && !defaults.includes(autoname);
  response.setDeletebeforereplace(
    response.getReplacesList().length > 0 && (resource.deleteBeforeReplace === true || !!named),
  );
  return response;
}

/**
 * @template T
 * @param {Call} call
 * @param {number} timeout
 * @param {Properties} inputs
 * @param {(context: import("./types").Context) => Promise<T>} work
 */
function inContext(call, timeout, inputs, work) {
  const region = plain(inputs.region);
  return cancellable(call, timeout, async (signal) =>
    work(await contextOf(typeof region === "string" ? region : undefined, signal, timeout)),
  );
}

/**
 * An error of a service file for the engine. One that has made the thing all the same keeps it in the state
 * (pkg/tfbridge/provider.go, `Create`: "if the resource's ID was set, it is partially created").
 *
 * @param {any} error
 * @param {Resource} resource
 * @param {Properties} inputs
 * @param {Properties} before
 */
function failureOf(error, resource, inputs, before = {}) {
  if (!error?.partial) return new Error(describe(error));
  const { id, outputs } = error.partial;
  const state = { ...before, ...stateOf(resource, inputs, outputs) };
  return new InitFailed(describe(error), id, state, inputs);
}

/**
 * Adds what AWS filled in: the official plugin ends with a read too.
 *
 * @param {Call} call
 * @param {Resource} resource
 * @param {string} id
 * @param {Properties} made
 * @param {Properties} kept
 */
async function completed(call, resource, id, made, kept = {}) {
  const look = resource.read;
  const state = { ...kept, ...made };
  const found = look
    ? await inContext(call, 0, state, (context) => look(context, id, bare(state)))
    : undefined;
  return clean({ ...kept, .../** @type {Properties} */ (found ?? {}), ...made });
}

/**
 * @param {import("@pulumi/pulumi/proto/provider_pb").CreateRequest} request
 * @param {Call} call
 */
async function create(request, call) {
  const resource = resourceOf(typeOf(request.getUrn()));
  const inputs = read(request.getProperties());
  const response = new provider.CreateResponse();
  if (request.getPreview()) {
    const computed = (resource.outputs ?? []).filter((name) => inputs[name] === undefined);
    const outputs = Object.fromEntries(computed.map((name) => [name, unknown]));
    response.setProperties(
      write(stateOf(resource, inputs, { ...outputs, ...tagsAllOf(resource, inputs) })),
    );
    return response;
  }
  try {
    const { id, outputs } = await inContext(call, request.getTimeout(), inputs, (context) =>
      resource.create(context, bare(inputs), nameOf(request.getUrn())),
    );
    const made = stateOf(resource, inputs, outputs);
    const all = await completed(call, resource, id, made).catch((error) => {
      throw Object.assign(error, { partial: { id, outputs } });
    });
    response.setId(id);
    response.setProperties(write(all));
    return response;
  } catch (error) {
    throw failureOf(error, resource, inputs);
  }
}

/**
 * @param {import("@pulumi/pulumi/proto/provider_pb").UpdateRequest} request
 * @param {Call} call
 */
async function update(request, call) {
  const resource = resourceOf(typeOf(request.getUrn()));
  const state = read(request.getOlds());
  const olds = read(request.getOldInputs());
  const inputs = withoutIgnored(read(request.getNews()), olds, request.getIgnorechangesList());
  const kept = computedIn(resource, state);
  const response = new provider.UpdateResponse();
  if (request.getPreview()) {
    const { unstable = [] } = resource;
    const names =
      typeof unstable === "function"
        ? unstable(bare({ ...state, ...olds }), bare(inputs))
        : unstable;
    const lost = names.map((name) => [name, unknown]);
    const outputs = { ...kept, ...Object.fromEntries(lost), ...tagsAllOf(resource, inputs) };
    response.setProperties(
      write({ ...outputs, ...stateOf(resource, inputs, {}), ...Object.fromEntries(lost) }),
    );
    return response;
  }
  const { found } = await planned(resource, state, olds, inputs, call);
  const { tagsAll = state.tagsAll } = tagsAllOf(resource, inputs);
  if (found.size === 0 && equal(tagsAll, withUnknowns(state.tagsAll))) {
    // The engine repeats an update that failed, and the plan has no change: nothing is asked of AWS
    // (pkg/tfbridge/provider.go, `Update`: "it is possible for us to get here with a nil diff").
    response.setProperties(request.getOlds());
    return response;
  }
  const work = resource.update;
  if (!work) throw new Error(`${typeOf(request.getUrn())} has nothing that can be updated`);
  try {
    const outputs = await inContext(call, request.getTimeout(), inputs, (context) =>
      work(context, request.getId(), bare(inputs), bare(state)),
    );
    const made = stateOf(resource, inputs, outputs);
    const all = await completed(call, resource, request.getId(), made, kept);
    response.setProperties(write(all));
    return response;
  } catch (error) {
    throw failureOf(error, resource, inputs, kept);
  }
}

/**
 * Looks at what is there, for a refresh or an import. The inputs follow, so that the next diff shows what
 * somebody else changed (pkg/tfbridge/schema.go, `extractInputs`).
 *
 * @param {import("@pulumi/pulumi/proto/provider_pb").ReadRequest} request
 * @param {Call} call
 */
async function readBack(request, call) {
  const resource = resourceOf(typeOf(request.getUrn()));
  const state = read(request.getProperties());
  const olds = read(request.getInputs());
  const response = new provider.ReadResponse();
  const look = resource.read;
  const found = look
    ? await inContext(call, 0, state, (context) =>
        look(context, request.getId(), bare(state)),
      ).catch((error) => {
        throw new Error(describe(error), { cause: error });
      })
    : state;
  // An empty id says that it is gone.
  if (!found) return response;
  const actual = /** @type {Properties} */ (found);
  const imported = Object.keys(olds).length === 0;
  const names = imported ? Object.keys(resource.inputs) : Object.keys(olds);
  const inputs = names.flatMap((name) => {
    const old = olds[name];
    if (name.startsWith("__")) return [[name, old]];
    if (old === undefined) {
      const value = actual[name];
      return value === undefined || value === null ? [] : [[name, value]];
    }
    if (!(name in actual)) return [[name, old]];
    const before = plain(old) ?? null;
    const value = refreshed(before, actual[name], resource.inputs[name]);
    if (value === undefined || value === null) return [];
    return [[name, equal(value, before) ? old : hasSecret(old) ? secret(value) : value]];
  });
  const kept = Object.entries(actual).map(([name, value]) =>
    hasSecret(state[name]) ? [name, secret(value)] : [name, value],
  );
  response.setId(request.getId());
  response.setInputs(write(Object.fromEntries(imported ? [...inputs, [DEFAULTS, []]] : inputs)));
  response.setProperties(write(clean({ ...state, ...Object.fromEntries(kept) })));
  return response;
}

/**
 * @param {import("@pulumi/pulumi/proto/provider_pb").DeleteRequest} request
 * @param {Call} call
 */
async function remove(request, call) {
  const resource = resourceOf(typeOf(request.getUrn()));
  const state = read(request.getProperties());
  try {
    await inContext(call, request.getTimeout(), state, (context) =>
      resource.delete(context, request.getId(), bare(state)),
    );
  } catch (error) {
    throw new Error(describe(error), { cause: error });
  }
  return new Empty();
}

/**
 * @param {import("@pulumi/pulumi/proto/provider_pb").InvokeRequest} request
 * @param {Call} call
 */
async function invoke(request, call) {
  const token = request.getTok();
  const { inputs, required, secrets = [], call: ask } = invokeOf(token);
  const args = read(request.getArgs());
  const response = new provider.InvokeResponse();
  const failures = failuresOf(token, args, { ...inputs, region: "string" }, required);
  if (failures.length > 0) {
    response.setFailuresList(
      failures.map(({ property, reason }) => checkFailure(property, reason)),
    );
    return response;
  }
  try {
    const result = await inContext(call, 0, args, (context) => ask(context, bare(args)));
    const all = clean(/** @type {Properties} */ ({ ...args, ...result }));
    const entries = Object.entries(all).map(([name, value]) => [
      name,
      secrets.includes(name) ? secret(value) : value,
    ]);
    response.setReturn(write(Object.fromEntries(entries)));
    return response;
  } catch (error) {
    throw new Error(describe(error), { cause: error });
  }
}

serve(version, {
  checkConfig: unary(checkConfig),
  configure: unary(configure),
  check: unary(check),
  diff: unary(diff),
  create: unary(create),
  read: unary(readBack),
  update: unary(update),
  delete: unary(remove),
  invoke: unary(invoke),
});
