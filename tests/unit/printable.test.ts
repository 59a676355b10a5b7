import {
  describeProblems,
  escapeControls,
  messageOf,
  printable,
  Refusal,
} from "../../components/errors";
import { masked } from "../../components/registry/credentials";

test.each([
  ["ordinary text: ä, 日本, 😀, ‘quotes’", "ordinary text: ä, 日本, 😀, ‘quotes’"],
  ["line\nbreak\r\tand tab", "line\\nbreak\\r\\tand tab"],
  ["\x1b[2J\x07\b\x7f\x00", "\\u001b[2J\\u0007\\u0008\\u007f\\u0000"],
  ["\x85\x9b31m", "\\u0085\\u009b31m"],
  ["\u2028\u2029", "\\u2028\\u2029"],
  ["\u202egnp.\u2066\u200f\u061c", "\\u202egnp.\\u2066\\u200f\\u061c"],
  ["zero\u200bwidth\ufeff\u00ad", "zero\\u200bwidth\\ufeff\\u00ad"],
  ["tags \u{e0041}, half \ud800", "tags \\udb40\\udc41, half \\ud800"],
  ["<{%fg 1%}>{%", "<\\u007b%fg 1%}>{%"],
])("%j is printed as %j", (text, expected) => {
  expect(printable(text)).toBe(expected);
  expect(printable(expected)).toBe(expected);
});

test("what is escaped in JSON stays the same JSON", () => {
  const value = { name: "a\x9b\u202e\u{e0041}<{%\n" };
  const text = JSON.stringify(value);
  expect(JSON.parse(escapeControls(text))).toEqual(value);
});

test("a long line is cut, in less time and memory than it has characters", () => {
  const text = printable("\x1b".repeat(50_000_000));
  expect(text.length).toBeLessThan(8100);
  expect(text).toMatch(/… \(50000000 characters\)$/);
  expect(printable("a".repeat(8000))).toBe("a".repeat(8000));
});

test("each argument of a Refusal is one line; other errors are one line as a whole", () => {
  expect(messageOf(new Refusal("one\nweb: ok", "two"))).toBe("one\\nweb: ok\ntwo");
  expect(messageOf(new Error("one\nweb: ok"))).toBe("one\\nweb: ok");
  expect(messageOf(new Error("\x1b[2J"))).toBe("\\u001b[2J");
});

test("a problem is one line, whatever the user's values and another's words in it are", () => {
  const problem = { path: "image.ref\x1b", what: "a\nweb: fine", fix: "b\u2028" };
  expect(describeProblems("web", [problem, problem]).split("\n")).toEqual(
    Array(2).fill("web: image.ref\\u001b: a\\nweb: fine; b\\u2028"),
  );
});

test("a secret is masked however it is spelled: line by line, in a URL, in JSON and in Base64", () => {
  const password = "first/line\nsecond line";
  const base64 = Buffer.from(password).toString("base64");
  const text = `| first/line\n| second line\n${encodeURIComponent(password)} ${JSON.stringify(password)} ${base64}`;
  expect(masked(text, { password })).toBe('| ***\n| ***\n*** "***" ***');
});

test("a password with a line break is masked where it is escaped, too", () => {
  const access = { username: "ann", password: "s3cret\n" };
  const message = messageOf(new Refusal("the registry said s3cret\n, and YW5uOnMzY3JldAo="));
  expect(masked(message, access)).toBe("the registry said ***, and ***");
});
