import http from "node:http";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import {
  commitOf,
  isRemoteContext,
  parseGitContext,
  withoutCredentials,
} from "../../components/image/gitContexts";

it.each([
  ["https://example.com/app.git", "https://example.com/app.git", "HEAD"],
  ["https://example.com/app.git#main:sub", "https://example.com/app.git", "main"],
  ["https://example.com/app.git#:sub", "https://example.com/app.git", "HEAD"],
  [
    "https://example.com/app.git?branch=main&subdir=a",
    "https://example.com/app.git",
    "refs/heads/main",
  ],
  ["https://example.com/app.git?tag=v1", "https://example.com/app.git", "refs/tags/v1"],
  ["https://example.com/app.git?ref=x&checksum=abc", "https://example.com/app.git", "abc"],
  ["github.com/team/app", "https://github.com/team/app", "HEAD"],
  ["git@example.com:team/app.git#v1", "git@example.com:team/app.git", "v1"],
  ["deploy-1@example.com:app.git", "deploy-1@example.com:app.git", "HEAD"],
  ["ssh://git@example.com/app", "ssh://git@example.com/app", "HEAD"],
  ["git://example.com/app#main", "git://example.com/app", "main"],
])("%s is a Git context", (location, remote, ref) => {
  expect(isRemoteContext(location)).toBe(true);
  expect(parseGitContext(location)).toEqual({ remote, ref });
});

it.each(["./app", "../user@host:x", "app", "C:app", "https://example.com/app.tar.gz", "-x"])(
  "%s is not a Git context",
  (location) => expect(parseGitContext(location)).toBeUndefined(),
);

it("a full commit needs no request", async () => {
  const ref = "0123456789abcdef0123456789abcdef01234567";
  expect(await commitOf({ remote: "https://invalid.invalid/app.git", ref })).toEqual({
    commit: ref,
  });
});

it("a server that requires a login, and one that isn't there, fail without a prompt", async () => {
  const server = createServer((socket) => {
    socket.on("error", () => undefined);
    socket.once("data", () =>
      socket.end(
        'HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm="x"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n',
      ),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const remote = `http://name:canary-password@127.0.0.1:${port}/app.git`;
  const refused = await commitOf({ remote, ref: "main" });
  expect(refused.commit).toBeUndefined();
  expect(refused.detail).toMatch(/fatal/);
  expect(refused.detail).not.toContain("canary");
  await new Promise((resolve) => server.close(resolve));
  const gone = await commitOf({ remote, ref: "main" });
  expect(gone.detail).toContain("127.0.0.1");
  expect(gone.detail).not.toContain("canary");
});

it.each([
  ["GIT_AUTH_TOKEN", "canary", `basic ${Buffer.from("x-access-token:canary").toString("base64")}`],
  ["GIT_AUTH_HEADER", "bearer canary", "bearer canary"],
])("the build secret %s is the login, and only for its own host", async (id, value, header) => {
  const commit = "0123456789abcdef0123456789abcdef01234567";
  const seen: (string | undefined)[] = [];
  const line = (text: string) => (text.length + 4).toString(16).padStart(4, "0") + text;
  const server = http.createServer(({ headers }, response) => {
    seen.push(headers.authorization);
    response.setHeader("content-type", "application/x-git-upload-pack-advertisement");
    const refs = line(`${commit} HEAD\0\n`) + line(`${commit} refs/heads/main\n`);
    response.end(`${line("# service=git-upload-pack\n")}0000${refs}0000`);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  const context = { remote: `http://${host}/app.git`, ref: "main" };
  expect(await commitOf(context, { [id]: value })).toEqual({ commit });
  expect(await commitOf(context, { [`${id}.${host}`]: value, [id]: "other" })).toEqual({ commit });
  expect(await commitOf(context, { [`${id}.example.com`]: value })).toEqual({ commit });
  expect(seen).toEqual([header, header, undefined]);
  await new Promise((resolve) => server.close(resolve));
});

it("a server that never answers takes 10 seconds", async () => {
  const server = createServer((socket) => socket.on("error", () => undefined));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const started = Date.now();
  const { commit, detail } = await commitOf({
    remote: `git://127.0.0.1:${port}/app.git`,
    ref: "main",
  });
  expect([commit, detail]).toEqual([undefined, "git took more than 10 seconds"]);
  expect(Date.now() - started).toBeLessThan(13_000);
  server.close();
}, 20_000);

it.each(["ext::sh -c 'touch /tmp/canary'", "--upload-pack=touch /tmp/canary", "file:///etc"])(
  "git is never given the transport of %s",
  async (remote) => {
    const { commit, detail } = await commitOf({ remote, ref: "HEAD" });
    expect(commit).toBeUndefined();
    expect(detail).toMatch(/not allowed|does not appear|strange|blocked|not found|not exist/);
  },
);

it("messages contain no credentials and no control characters", () => {
  expect(withoutCredentials("https://user:secret@example.com/a.tar?token=secret")).toBe(
    "https://example.com/a.tar",
  );
  expect(withoutCredentials("fatal: \u001b[31m https://x:secret@h/: no")).toBe(
    "fatal:  [31m https://h/: no",
  );
});
