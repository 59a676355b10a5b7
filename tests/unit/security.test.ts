import fs from "node:fs";
import path from "node:path";
import { expectToExist, namedTests } from "./shownBy";

const docs = path.resolve(__dirname, "../../docs");
const rows = fs
  .readFileSync(path.join(docs, "security.md"), "utf8")
  .split("\n")
  .map((line) => line.split("|").map((cell) => cell.trim()))
  .filter((cells) => cells.length === 4 && cells[1] !== "promise" && !/^-+$/.test(cells[1]!))
  .map(([, promise = "", shown = ""]) => ({ promise, tests: namedTests(shown, docs) }));

it("docs/security.md lists promises", () => {
  expect(rows.length).toBeGreaterThan(20);
});

it.each(rows)("the tests of this promise exist: $promise", ({ tests }) => {
  expect(tests.length).toBeGreaterThan(0);
  tests.forEach(expectToExist);
});
