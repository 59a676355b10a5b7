// Each service file knows the shape of its own inputs, which is checked before it sees them.
/* eslint-disable @typescript-eslint/no-explicit-any */
/** The type of a property's value. */
export type Kind =
  | "string"
  | "number"
  | "boolean"
  /** A string that holds JSON: two that mean the same are no change. */
  | "json"
  | { list: Kind }
  /** A list in which the order means nothing. */
  | { set: Kind }
  | { map: Kind }
  | { object: Record<string, Kind> };

/** What a resource or an invoke may use. */
export interface Context {
  /** An SDK client for the service (`ecr`, `ecs`, …), against the endpoint of the provider's configuration. */
  client<T>(service: string, Client: new (config: any) => T): T;
  /** The URL of a service. */
  endpoint(service: string): string;
  region: string;
  accountId: string;
  partition: string;
  defaultTags: Record<string, string>;
  /** The user's own limit (`customTimeouts`), in seconds; the call is ended then. 0: none. */
  timeout: number;
  /** Ends early when the call is cancelled. */
  sleep(ms: number): Promise<void>;
  /** Whether the engine or its timeout has ended the call. */
  aborted(): boolean;
}

/** A resource type. Inputs and outputs are plain values, without marks of secrets. */
export interface Resource {
  /** Every property that the official Args interface has; any other is an error. */
  inputs: Record<string, Kind>;
  required?: string[];
  /** Computed properties besides `id`: unknown in the preview of a create. */
  outputs?: string[];
  /** Input properties whose change replaces. */
  forceNew?: string[];
  /** Computed properties that become unknown in the preview of any update, or of this one. */
  unstable?: string[] | ((olds: any, news: any) => string[]);
  /** The input that Pulumi names `${resourceName}-${7 hex}` when it is absent. */
  autoname?: string;
  /** How long that name may be. */
  autonameMax?: number;
  /** What an absent input means, where saying so is no change: `{ forceDelete: false }`. */
  defaults?: Record<string, unknown>;
  /** The official provider deletes before it replaces. */
  deleteBeforeReplace?: boolean;
  /** What the official provider refuses before anything is made: messages by property. */
  check?(inputs: any): Record<string, string> | undefined;
  /** Corrections: what else replaces, and what has changed in writing only. */
  diff?(olds: any, news: any, context: Context): Corrections | Promise<Corrections>;
  /** The outputs are merged over the inputs. An error that has `partial: { id, outputs }` has made it. */
  create(context: Context, inputs: any, name: string): Promise<{ id: string; outputs: object }>;
  /** Gives undefined when it is gone. */
  read?(context: Context, id: string, state: any): Promise<object | undefined>;
  update?(context: Context, id: string, inputs: any, old: any): Promise<object>;
  delete(context: Context, id: string, state: any): Promise<void>;
}

export interface Corrections {
  replace?: string[];
  same?: string[];
}

export interface Invoke {
  inputs: Record<string, Kind>;
  required?: string[];
  /** Results that are secrets. */
  secrets?: string[];
  call(context: Context, args: any): Promise<object>;
}

/** What a service file exports. */
export interface Service {
  resources?: Record<string, Resource>;
  invokes?: Record<string, Invoke>;
}
