/** Values by name; undefined where a value is there and isn't known. */
export type Scope = ReadonlyMap<string, string | undefined>;

/**
 * A word of a Dockerfile with its quotes taken away and its variables put in, as BuildKit does it
 * (https://docs.docker.com/reference/dockerfile/#environment-replacement). Undefined where that can't be told: a variable that has
 * no value or an unknown one, or a form that isn't `$NAME`, `${NAME}`, `${NAME:-word}` or `${NAME:+word}`. Nothing is guessed.
 */
export function expand(word: string, scope: Scope, escape: string): string | undefined {
  let known = true;
  let at = 0;

  /** Up to the character that ends this part, which nested parts have for themselves. */
  const read = (end: string | undefined): string => {
    let text = "";
    let quoted = false;
    while (at < word.length && (quoted || word[at] !== end)) {
      const char = word[at++]!;
      if (char === escape) text += word[at++] ?? "";
      else if (char === '"') quoted = !quoted;
      else if (char === "'" && !quoted) {
        const close = word.indexOf("'", at);
        text += word.slice(at, close < 0 ? undefined : close);
        at = close < 0 ? word.length : close + 1;
      } else if (char === "$") text += variable();
      else text += char;
    }
    at++;
    return text;
  };

  const variable = (): string => {
    const plain = /^\w+/.exec(word.slice(at))?.[0];
    if (plain !== undefined) {
      at += plain.length;
      return value(plain);
    }
    const [all, name = "", colon, sign] = /^\{(\w+)(:?)([-+])?/.exec(word.slice(at)) ?? [];
    if (all === undefined) return "$";
    at += all.length;
    if (sign === undefined) {
      // What is left must be the end: `${NAME#pattern}` and its like aren't read.
      if (colon !== "" || word[at] !== "}") known = false;
      at = word.indexOf("}", at) + 1 || word.length;
      return known ? value(name) : "";
    }
    const before = known;
    const given = scope.get(name);
    const instead = read("}");
    if (scope.has(name) && given === undefined) return unknown();
    const there = scope.has(name) && (colon === "" || given !== "");
    if (sign === "+") return there ? instead : ((known = before), "");
    return there ? ((known = before), given!) : instead;
  };

  const value = (name: string) => scope.get(name) ?? unknown();
  const unknown = () => {
    known = false;
    return "";
  };

  const text = read(undefined);
  return known ? text : undefined;
}
