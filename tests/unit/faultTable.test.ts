import fs from "node:fs";
import path from "node:path";

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
    tests: [...shown.matchAll(/\[\w+\]\(([^)]+)\): ((?:_[^_]+_(?:, )?)+)/g)].flatMap(
      ([, file = "", titles = ""]) =>
        [...titles.matchAll(/_([^_]+)_/g)].map(([, title = ""]) => ({ file, title })),
    ),
  }));

it("each of the 28 faults has a row, in order", () => {
  expect(rows.map(({ number }) => number)).toEqual(Array.from({ length: 28 }, (_, nth) => nth + 1));
});

it.each(rows)("the tests of fault $number are there, and are run", ({ tests }) => {
  expect(tests.length).toBeGreaterThan(0);
  const { scripts } = JSON.parse(fs.readFileSync(path.join(checkout, "package.json"), "utf8")) as {
    scripts: Record<string, string>;
  };
  const patterns = scripts["test:faults"]!.split(/\s+/)
    .filter((word) => /^'?tests\//.test(word))
    .map((word) => new RegExp(word.replaceAll("'", "")));
  for (const { file, title } of tests) {
    const full = path.join(folder, file);
    // A title may begin behind the opening quote, or be the only text between two.
    const begins = title.endsWith("…") ? `"${title.slice(0, -1)}` : `"${title}"`;
    expect(fs.readFileSync(full, "utf8")).toContain(begins);
    expect(patterns.filter((pattern) => pattern.test(full))).not.toEqual([]);
  }
});
