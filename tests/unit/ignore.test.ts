import { parseIgnoreFile } from "../../components/image/ignore";

// The rules of .dockerignore, as moby/patternmatcher applies them. tests/engine/contextProperty compares them with BuildKit itself.

it.each([
  // pattern, path, excluded
  ["a", "a", true],
  ["a", "a/b", true],
  ["a", "b/a", false],
  ["/a/", "a/b", true],
  ["./a/../b", "b", true],
  ["*", ".hidden", true],
  ["*/b", "a/b/c", true],
  ["*.txt", "a/x.txt", false],
  ["**/*.txt", "a/b/x.txt", true],
  ["**/*.txt", "x.txt", true],
  ["**/b", "b", true],
  ["**b", "a/xb", true],
  ["a/**", "a", false],
  ["a/**", "a/b", true],
  ["a/**/c", "a/c", true],
  ["a/**/c", "a/b/b/c", true],
  ["**", "a/b", true],
  ["?", "ab", false],
  ["?", "é", true],
  ["[a-c]x", "bx", true],
  ["[^a]x", "bx", true],
  ["a+(b)", "a+(b)", true],
  ["a.c", "abc", false],
  ["\\*", "*", true],
  ["\\*", "a", false],
  ["#a", "#a", false],
  [" a \r", "a", true],
  ["\uFEFFa", "a", true],
  ["a\n!a/b", "a/b", false],
  ["a\n!a/b", "a/c", true],
  ["*\n!a", "a/b/c", false],
  ["*\n!a\na/b", "a/b", true],
  ["!a\na", "a", true],
  ["!", "a", false],
  ["[", "[", false],
  ["A", "a", false],
])("the pattern %j applied to %j gives %j", (text, path, excluded) => {
  expect(parseIgnoreFile(text).excludes(path)).toBe(excluded);
});

it.each([
  ["*\n!a/b", "a", true],
  ["*\n!a/b", "c", false],
  ["*\n!a/**", "a", true],
  ["*\n!**/a", "c", true],
  ["*", "a", false],
])("with the patterns %j, the excluded folder %j is read: %j", (text, folder, read) => {
  expect(parseIgnoreFile(text).mayInclude(folder)).toBe(read);
});
