import { hostFailure } from "../../components/targets/host/failureText";

const raw = (...lines: string[]) =>
  ['exit status 1: running "sh -s -- release; exit $?":', ...lines].join("\n");

it("a failed release is explained by the script's own lines, without its progress and the app's lines", () => {
  const text = raw(
    "switching to the new release",
    "the new release isn't healthy: it ended and was started again",
    "  | cannot open the database",
    "the release before serves, as it did",
    "",
  );
  expect(hostFailure("web", "release", text)).toBe(
    "web: the release failed: the new release isn't healthy: it ended and was started again; the release before serves, as it did",
  );
});

it.each([
  ["an error of the connection", "ssh: handshake failed: EOF"],
  ["a script that printed nothing", raw("")],
  ["progress alone", raw("pulling example.com/web@sha256:abc")],
])("%s is not explained by it", (_, text) => {
  expect(hostFailure("web", "pull", text)).toBeUndefined();
});

it("a line is printed without control characters", () => {
  expect(hostFailure("web", "pull", raw("no \x1b[2Jhost"))).toContain("no \\u001b[2Jhost");
});
