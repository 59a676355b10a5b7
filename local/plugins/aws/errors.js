/** Errors as the official provider shows them: what was done to what, and what AWS said, in a line. */
"use strict";

/**
 * What an error says. An error of AWS has a code as its name; one of the connection often says nothing
 * itself (Node's AggregateError, when a host has several addresses).
 *
 * @param {any} error
 * @returns {string}
 */
function describe(error) {
  const message = String(error?.message || error?.errors?.[0]?.message || error?.code || error);
  const text = error?.$metadata && error.name !== "Error" ? `${error.name}: ${message}` : message;
  return text.replace(/\s*\n\s*/g, " ");
}

/**
 * Names what failed: `creating ECS Service (web): InvalidParameterException: …`.
 *
 * @template T
 * @param {string} what
 * @param {Promise<T> | (() => Promise<T>)} work
 * @returns {Promise<T>}
 */
async function attempt(what, work) {
  try {
    return await (typeof work === "function" ? work() : work);
  } catch (error) {
    throw new Error(`${what}: ${describe(error)}`, { cause: error });
  }
}

/**
 * Undefined where AWS says that there is no such thing.
 *
 * @template T
 * @param {Promise<T>} work
 * @param {string[]} codes
 * @returns {Promise<T | undefined>}
 */
async function ifFound(work, ...codes) {
  try {
    return await work;
  } catch (error) {
    if (error instanceof Error && codes.includes(error.name)) {
      return undefined;
    }
    throw error;
  }
}

/**
 * An error after the thing was made: it is kept in the state.
 *
 * @param {unknown} error
 * @param {{ id: string, outputs: object }} partial
 */
function made(error, partial) {
  const message = error instanceof Error ? error.message : String(error);
  return Object.assign(new Error(message, { cause: error }), { partial });
}

module.exports = { attempt, describe, ifFound, made };
