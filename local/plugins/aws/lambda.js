/** Lambda: functions of images, aliases, URLs and permissions. ministack answers. */
"use strict";

/** @type {import("./types").Service} */
module.exports = {
  resources: { ...require("./lambda/function.js"), ...require("./lambda/access.js") },
};
