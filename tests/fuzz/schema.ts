import { readFileSync } from "node:fs";
import { join } from "node:path";

/** What a place in the arguments may hold, as other languages see it. */
export interface Shape {
  readonly type?: string;
  readonly $ref?: string;
  readonly items?: Shape;
  readonly additionalProperties?: Shape;
  readonly plain?: boolean;
}

interface Schema {
  readonly resources: Record<string, { inputProperties: Record<string, Shape> }>;
  readonly types: Record<string, { properties?: Record<string, Shape> }>;
}

const schema = JSON.parse(
  readFileSync(join(__dirname, "../../components/schema.json"), "utf8"),
) as Schema;

export const root = "App";

/** The fields of a type of the schema, or of the App itself. */
export function fieldsOf(type: string): Readonly<Record<string, Shape>> {
  if (type === root) return schema.resources["multiarch:index:App"]!.inputProperties;
  return schema.types[type]?.properties ?? {};
}

/** The type that a shape names, where that has fields. */
export function typeOf(shape: Shape | undefined): string | undefined {
  const name = shape?.$ref?.replace("#/types/", "");
  return name !== undefined && Object.keys(fieldsOf(name)).length > 0 ? name : undefined;
}

/** Every field that an App's arguments have at any depth: `multiarch:index:Host.ports`. */
export function everyField(): Set<string> {
  const found = new Set<string>();
  const visit = (type: string): void => {
    for (const [field, shape] of Object.entries(fieldsOf(type))) {
      if (found.has(`${type}.${field}`)) continue;
      found.add(`${type}.${field}`);
      for (const one of [shape, shape.items, shape.additionalProperties]) {
        const inner = typeOf(one);
        if (inner !== undefined) visit(inner);
      }
    }
  };
  visit(root);
  return found;
}

/** No valid set has these fields; only a mistake gives them, by chance. */
export const alwaysRejected = ["multiarch:index:AppImage.reasons", "multiarch:index:Ecs.pidsLimit"];

/** One value among the arguments, or the place where one may be. */
export interface Place {
  /** `Type.field`, for what the schema knows; absent for entries of lists and maps. */
  readonly field?: string;
  readonly path: string;
  readonly shape: Shape | undefined;
  readonly holder: Record<string, unknown>;
  readonly key: string;
}

/** Every place in a value of a type; those of absent fields too. */
export function placesIn(value: unknown, type: string, path = ""): Place[] {
  if (!isPlainHolder(value)) return [];
  return Object.entries(fieldsOf(type)).flatMap(([key, shape]) => [
    { field: `${type}.${key}`, path: `${path}.${key}`, shape, holder: value, key },
    ...within(value[key], shape, `${path}.${key}`),
  ]);
}

function within(value: unknown, shape: Shape, path: string): Place[] {
  const type = typeOf(shape);
  if (type !== undefined) return placesIn(value, type, path);
  const entry = shape.items ?? shape.additionalProperties;
  if (entry === undefined || !isPlainHolder(value)) return [];
  return Object.keys(value).flatMap((key) => [
    { path: `${path}[${key}]`, shape: entry, holder: value, key },
    ...within(value[key], entry, `${path}[${key}]`),
  ]);
}

function isPlainHolder(value: unknown): value is Record<string, unknown> {
  if (typeof value !== "object" || value === null) return false;
  return Array.isArray(value) || Object.getPrototypeOf(value) === Object.prototype;
}
