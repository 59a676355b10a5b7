import fs from "node:fs";
import path from "node:path";
import { expectToExist, namedTests } from "./shownBy";

// The table of faults in tests/faults/README.md names tests that are there, and `npm run test:faults` runs them.

const checkout = path.resolve(__dirname, "../..");
const folder = path.join(checkout, "tests/faults");

/** A row's number, and the tests that it names: file and title, or how that begins. */
const rows = fs
  .readFileSync(path.join(folder, "README.md"), "utf8")
  .split("\n")
  .map((line) => line.split("|").map((cell) => cell.trim()))
  .filter(([, number]) => /^\d+$/.test(number ?? ""))
  .map(([, number, , , shown = ""]) => ({
    number: Number(number),
    tests: namedTests(shown, folder),
  }));

/** Rows 30 and 37 to 39 are for later work (docs/security.md names what is promised today). */
const numbers = [
  ...Array.from({ length: 28 }, (_, nth) => nth + 1),
  29,
  31,
  32,
  33,
  34,
  35,
  36,
  40,
];

it("each fault has a row, in order", () => {
  expect(rows.map(({ number }) => number)).toEqual(numbers);
});

it.each(rows)("the tests of fault $number are there, and are run", ({ tests }) => {
  expect(tests.length).toBeGreaterThan(0);
  const { scripts } = JSON.parse(fs.readFileSync(path.join(checkout, "package.json"), "utf8")) as {
    scripts: Record<string, string>;
  };
  const patterns = scripts["test:faults"]!.split(/\s+/)
    .filter((word) => /^'?tests\//.test(word))
    .map((word) => new RegExp(word.replaceAll("'", "")));
  for (const test of tests) {
    expectToExist(test);
    expect(patterns.filter((pattern) => pattern.test(test.file))).not.toEqual([]);
  }
});
