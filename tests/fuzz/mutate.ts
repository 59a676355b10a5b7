import { Chooser } from "./chooser";
import { Lift, print } from "./lift";
import { alwaysRejected, type Place, placesIn, root } from "./schema";

type Holder = Record<string, unknown>;

/** What nobody should write. Made anew each time. */
const odd: Readonly<Record<string, () => unknown>> = {
  symbol: () => Symbol("s"),
  bigint: () => 10n,
  function: () => () => "x",
  date: () => new Date(0),
  "invalid date": () => new Date(NaN),
  regexp: () => /x/,
  map: () => new Map([["a", "b"]]),
  "null prototype": () => Object.assign(Object.create(null) as Holder, { a: "b" }),
  circular: () => {
    const holder: Holder = {};
    holder.self = holder;
    return holder;
  },
  sparse: () => Array(2),
  "huge list": () => Array.from({ length: 3000 }, (_, at) => `item${at}`),
  "huge map": () => Object.fromEntries(Array.from({ length: 3000 }, (_, at) => [`K${at}`, "v"])),
  "own __proto__": () => JSON.parse('{"__proto__": {"polluted": true}}') as unknown,
};

const wrong: readonly unknown[] = [
  ...[undefined, null, null, true, false, 0, -1, 1.5, NaN, Infinity, 2 ** 53, "", " ", "\t\n"],
  ...["a", "A", "0", "\0", "a\nb", "é💥\u202e", "../..", "/", "a/b:c@d", "x".repeat(100_000)],
  ...["a-".repeat(50_000), "a.".repeat(50_000), "a/".repeat(50_000), "$(touch x)", "'\"`", "${x}"],
  ...[
    "__proto__",
    "constructor",
    "toString",
    "https://example.com/x",
    "sha256:abc",
    "[object Object]",
  ],
  ...["linux/amd64", "windows/amd64", "linux", "linux/arm64/v8/x", "LINUX/ARM", "amd64,arm64"],
  ...[[], {}, [null], [undefined], [[]], [{}], { a: 1 }, { "": "" }, { a: { b: {} } }, ["a", "a"]],
];

const keys = [
  "extra",
  "__proto__",
  "constructor",
  "toString",
  "",
  " ",
  "a.b",
  "a\nb",
  "é",
  "0",
  "x".repeat(9000),
];

type Mutation = (choose: Chooser, place: Place, other: readonly Place[]) => unknown;

const isMap = (value: unknown): value is Holder =>
  typeof value === "object" && value !== null && Object.getPrototypeOf(value) === Object.prototype;

const set = (place: Place, value: unknown): unknown => {
  // An assignment to `__proto__` would make none.
  Object.defineProperty(place.holder, place.key, {
    ...{ value, enumerable: true, configurable: true, writable: true },
  });
  return value;
};

/** Not the same value: a part of it grafted into itself would have no end. */
function copied(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(copied);
  if (!isMap(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, copied(one)]));
}

const spell = (choose: Chooser, text: string): string =>
  choose.one([
    text.toUpperCase(),
    ` ${text}`,
    `${text}\n`,
    `${text}/`,
    `${text}${text}`,
    text.slice(1),
    `"${text}"`,
    [...text].reverse().join(""),
  ]);

const mutations: Readonly<Record<string, Mutation>> = {
  drop: (_, { holder, key }) => void delete holder[key],
  wrong: (choose, place) => set(place, choose.one(wrong)),
  odd: (choose, place) => {
    const name = choose.one(Object.keys(odd));
    return set(place, new Lift("raw", odd[name], name));
  },
  later: (choose, place) =>
    set(
      place,
      new Lift(choose.one(["output", "promise", "secret", "unknown"]), place.holder[place.key]),
    ),
  null: (choose, place) =>
    set(
      place,
      choose.often(50) ? null : new Lift(choose.one(["output", "promise", "secret"]), null),
    ),
  "wrong later": (choose, place) =>
    set(place, new Lift(choose.one(["output", "promise", "secret"]), choose.one(wrong))),
  list: (_, place) => set(place, [place.holder[place.key]]),
  map: (choose, place) => set(place, { [choose.one(keys)]: place.holder[place.key] }),
  twice: (_, place) => {
    const value = place.holder[place.key];
    return Array.isArray(value) && value.length > 0 ? set(place, [...value, value[0]]) : undefined;
  },
  spelling: (choose, place) => {
    const value = place.holder[place.key];
    return typeof value === "string" ? set(place, spell(choose, value)) : undefined;
  },
  "unknown key": (choose, place) => {
    const inner = place.holder[place.key];
    const holder = [inner, place.holder].find(isMap);
    if (holder === undefined) return undefined;
    const key = choose.one(keys);
    set({ ...place, holder, key }, choose.one(wrong));
    return key;
  },
  // A field of another set of arguments, right there and perhaps a contradiction here.
  graft: (choose, place, other) => {
    const same = other.filter(
      ({ path, holder, key }) => path === place.path && holder[key] !== undefined,
    );
    const found = same[0] ?? choose.one(other);
    return set(place, copied(found.holder[found.key]));
  },
};

/** Puts null in the place of fields that are absent, at every depth, which is no mistake. */
export function addNulls(choose: Chooser, args: Record<string, unknown>): void {
  const absent = placesIn(args, root).filter(
    ({ field, holder, key }) =>
      !Object.hasOwn(holder, key) && !alwaysRejected.includes(field ?? ""),
  );
  for (const place of choose.some(absent)) set(place, null);
}

/** Makes so many mistakes in the arguments, and says which. */
export function mutate(
  choose: Chooser,
  args: Record<string, unknown>,
  other: Record<string, unknown>,
  count: number,
): string[] {
  const others = placesIn(other, root);
  return Array.from({ length: count }, () => {
    const all = placesIn(args, root);
    const present = all.filter(({ holder, key }) => Object.hasOwn(holder, key));
    const name = choose.one(Object.keys(mutations));
    const absentToo = ["wrong", "odd", "null", "wrong later", "graft"].includes(name);
    const from = present.length === 0 || (absentToo && choose.often(40)) ? all : present;
    if (from.length === 0) return `nothing left for ${name}`;
    const place = choose.one(from);
    return `${name} ${place.path} = ${print(mutations[name]!(choose, place, others))}`;
  });
}
