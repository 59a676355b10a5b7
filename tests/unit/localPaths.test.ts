import {
  chmodSync,
  chownSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  statSync,
  symlinkSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ensurePrivateDir } from "../../local/paths";

let work: string;
beforeEach(() => (work = mkdtempSync(join(tmpdir(), "multiarch-paths-"))));
afterEach(() => rmSync(work, { recursive: true }));

it("the state directory is made, or becomes, one that only its user can open", () => {
  const path = join(work, "a", "state");
  ensurePrivateDir(path);
  expect(statSync(path).mode & 0o777).toBe(0o700);
  chmodSync(path, 0o777);
  ensurePrivateDir(path);
  expect(statSync(path).mode & 0o777).toBe(0o700);
});

it("a symbolic link in its place is refused, and what it leads to stays as it is", () => {
  const other = join(work, "other");
  mkdirSync(other);
  chmodSync(other, 0o755);
  symlinkSync(other, join(work, "state"));
  expect(() => ensurePrivateDir(join(work, "state"))).toThrow("is not a directory of this user");
  expect(statSync(other).mode & 0o777).toBe(0o755);
});

(process.getuid?.() === 0 ? it : it.skip)(
  "another user's directory in its place is refused",
  () => {
    const path = join(work, "state");
    mkdirSync(path);
    chownSync(path, 65534, 65534);
    expect(() => ensurePrivateDir(path)).toThrow("is not a directory of this user");
  },
);
