/** How the data sources of EC2 say what they look for. */
"use strict";

/**
 * The `filters` and `tags` of a data source, and properties that are filters by another name.
 *
 * @param {any} args
 * @param {Record<string, unknown>} [properties]
 */
function filtersOf({ filters = [], tags = {} }, properties = {}) {
  const own = Object.entries(properties).filter(([, value]) => value !== undefined && value !== "");
  const list = [
    ...own.map(([Name, value]) => ({ Name, Values: [String(value)] })),
    ...Object.entries(tags).map(([key, value]) => ({
      Name: `tag:${key}`,
      Values: [String(value)],
    })),
    ...filters.map((/** @type {any} */ { name, values }) => ({ Name: name, Values: values })),
  ];
  return list.length > 0 ? list : undefined;
}

module.exports = { filtersOf };
