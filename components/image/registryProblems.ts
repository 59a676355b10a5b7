import { type At, type Checker, type Fields, isLater, noNul, under } from "../check";
import { type Problem, show } from "../errors";
import { pathProblem } from "../registry/kinds";
import { isHost, isSameRegistry, parseReference, registryIn } from "../registry/reference";

/** Where the image lies, and who pushes it there. `placed`: somebody else says where. */
export function checkRegistry(check: Checker, args: Fields, at: At, placed: boolean): void {
  const known = ["address", "repository", "username", "password"];
  const registry = args.registry;
  if (args.repository !== undefined) {
    if (!(args.repository instanceof Object) || !("repositoryUrl" in args.repository))
      check.add(at("repository"), "must be a Repository", `write new multiarch.Repository("web")`);
    else checkOutputs(check, args.repository as unknown as Fields, under(at("repository")));
    if (registry !== undefined)
      check.add(at("registry"), `is given next to ${at("repository")}`, "keep one of them");
  } else if (registry === undefined) {
    if (args.ref !== undefined || args.sources !== undefined || placed) return;
    check.add(
      at("registry"),
      "is missing",
      `write for example { address: "ghcr.io", repository: "team/web" }, or give a repository of ECR`,
    );
  } else if (check.fields(registry, at("registry"), known)) {
    checkRepository(check, registry, args.ref !== undefined, under(at("registry")));
    checkCredentials(check, registry, under(at("registry")));
  }
}

/** What a Repository has as outputs, other languages give one by one. */
function checkOutputs(check: Checker, repository: Fields, at: At): void {
  const url = (text: string) => parseReference(text).ok && !/[:@]/.test(text.replace(/^[^/]*/, ""));
  const rules: Readonly<Record<string, (text: string) => boolean>> = {
    repositoryUrl: (text) => text.includes("/") && url(text),
    repositoryName: (text) => url(`registry.example/${text}`),
    arn: (text) => /^arn:[a-z-]+:ecr:[a-z0-9-]+:\d{12}:repository\/[a-z0-9._/-]+$/.test(text),
    username: () => true,
  };
  for (const [field, isValid] of Object.entries(rules)) {
    const value = repository[field];
    check.present(value, at(field), "give a Repository's");
    if (check.text(value, at(field), "a Repository's") && !isValid(value))
      check.add(at(field), `${show(value)} is not that of a repository`, "give a Repository's");
  }
  checkCredentials(check, repository, at);
}

/** Credentials are for one registry, and no other registry may receive them. */
export function mismatchProblems(address: string, reference: string, at: At): Problem[] {
  if (isSameRegistry(address, reference)) return [];
  const [registry, ref] = [at("registry"), at("ref")];
  return [
    {
      path: registry,
      what: `contains credentials for ${show(address)}, but ${ref} is in ${show(registryIn(reference) ?? reference)}`,
      fix: `use the address and credentials of the registry of ${ref}, or remove ${registry}`,
    },
  ];
}

/** Credentials for what is pulled. */
export function checkPullCredentials(check: Checker, args: Fields, at: At): void {
  if (!check.list(args.pullCredentials, at("pullCredentials"), `[{ address, username, password }]`))
    return;
  args.pullCredentials.forEach((entry, index) => {
    const inEntry = under(at(`pullCredentials[${index}]`));
    if (!check.fields(entry, at(`pullCredentials[${index}]`), ["address", "username", "password"]))
      return;
    check.present(entry.address, inEntry("address"), `write "ghcr.io"`);
    if (entry.username === undefined && entry.password === undefined) {
      check.add(inEntry("username"), "is missing, and so is the password", "write both");
    }
    checkAddress(check, entry.address, inEntry("address"));
    checkCredentials(check, entry, inEntry);
  });
}

function checkRepository(check: Checker, registry: Fields, finished: boolean, at: At): void {
  const addressGood =
    registry.address === undefined || checkAddress(check, registry.address, at("address"));
  if (registry.repository === undefined) {
    if (!finished) check.add(at("repository"), "is missing", `write for example "team/web"`);
    return;
  }
  if (!check.text(registry.repository, at("repository"), `"team/web"`) || !addressGood) return;
  const address = (registry.address as string | undefined) ?? "docker.io";
  const parsed = parseReference(`${address}/${registry.repository}`);
  if (!parsed.ok) {
    check.add(
      at("repository"),
      `${show(registry.repository)}: ${parsed.error}`,
      pathProblem(address, "team/web")?.fix ?? `write for example "team/web"`,
    );
  } else if (parsed.reference.tag !== undefined || parsed.reference.digest !== undefined) {
    check.add(
      at("repository"),
      `${show(registry.repository)} holds a tag or a digest`,
      "write the repository alone; the image has a field for tags",
    );
  } else {
    const wrong = pathProblem(parsed.reference.registry, registry.repository);
    const other = `, or name another registry with ${at("address")}`;
    const fix = `${wrong?.fix}${registry.address === undefined ? other : ""}`;
    if (wrong) check.add(at("repository"), `${show(registry.repository)} ${wrong.what}`, fix);
  }
}

function checkAddress(check: Checker, address: unknown, path: string): boolean {
  if (!check.text(address, path, `"ghcr.io"`)) return false;
  if (isHost(address)) return true;
  const [host = "", ...rest] = address.replace(/^[a-z]+:\/\//i, "").split("/");
  if (!isHost(host))
    return check.add(
      path,
      `${show(address)} is not a valid host`,
      `write for example "ghcr.io" or "localhost:5000"`,
    );
  const parts = rest.join("/").replace(/^v[12]\/*$|\/+$/g, "");
  const also = parts === "" ? "" : `, and add "${parts}" to the repository`;
  return check.add(
    path,
    `${show(address)} must be a host, without a scheme or a path`,
    `write "${host}"${also}`,
  );
}

function checkCredentials(check: Checker, fields: Fields, at: At): void {
  check.text(fields.username, at("username"), "the user's name");
  if (fields.password !== undefined && !isLater(fields.password)) {
    // Never shown, whatever it is.
    if (typeof fields.password !== "string" || fields.password === "") {
      check.add(
        at("password"),
        "must be a text that isn't empty",
        `write config.requireSecret("…")`,
      );
    } else if (fields.password.includes("\0")) {
      check.add(at("password"), noNul, `write config.requireSecret("…")`);
    }
  }
  for (const [given, absent] of [
    ["username", "password"],
    ["password", "username"],
  ] as const) {
    if (fields[given] === undefined || fields[absent] !== undefined) continue;
    check.add(
      at(absent),
      `is missing, but ${at(given)} is there`,
      "give both, or neither to use what `docker login` stored",
    );
  }
}
