import fs from "node:fs";
import path from "node:path";

/** A test that a document names as evidence. */
export interface Named {
  readonly file: string;
  readonly title: string;
}

/** The tests that a text names: `[file](path): _title_, _another title_`, where a title may end with an ellipsis. */
export function namedTests(text: string, folder: string): Named[] {
  return [...text.matchAll(/\[\w+\]\(([^)]+)\): ((?:_[^_]+_(?:, )?)+)/g)].flatMap(
    ([, file = "", titles = ""]) =>
      [...titles.matchAll(/_([^_]+)_/g)].map(([, title = ""]) => ({
        file: path.join(folder, file),
        title,
      })),
  );
}

/** Fails unless the file has a test of that title, or one that begins like it. */
export function expectToExist({ file, title }: Named): void {
  const begins = title.endsWith("…") ? `"${title.slice(0, -1)}` : `"${title}"`;
  expect(fs.readFileSync(file, "utf8")).toContain(begins);
}
