import { type Checker, isFields } from "../check";
import { show } from "../errors";
import { BuilderDriver, builderFields } from "./builderArgs";

/** Everything wrong with one builder's arguments that can be told without asking anybody. */
export function checkBuilder(check: Checker, builder: unknown, path: string): void {
  if (!check.plain(builder, path)) return;
  if (!isFields(builder)) {
    const name = typeof builder === "string" && builder !== "" ? builder : "a builder's name";
    check.add(path, `must be an object, got ${show(builder)}`, `write { name: "${name}" }`);
    return;
  }
  if (!check.fields(builder, path, Object.keys(builderFields))) return;
  if (builder.name === undefined)
    check.add(`${path}.name`, "is missing", "write a name that `docker buildx ls` shows");
  if (check.plain(builder.name, `${path}.name`))
    check.text(builder.name, `${path}.name`, "a name that `docker buildx ls` shows");
  check.oneOf(builder.driver, `${path}.driver`, Object.values(BuilderDriver));
}
