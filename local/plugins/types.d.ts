/** A property value on the wire: plain JSON, in which secrets and the like are marked objects. */
export type Value = null | boolean | number | string | Value[] | Properties;

export interface Properties {
  [key: string]: Value;
}
