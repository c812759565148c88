// Runs one invocation of a Node function: node localstack_node.js FILE FUNCTION <event >result
"use strict";
const fs = require("node:fs");
const http = require("node:http");
const https = require("node:https");

// On AWS, custom resources respond over HTTPS; LocalStack accepts HTTP on its own port.
https.request = (options, done) =>
  http.request({ ...options, port: process.env.EDGE_PORT }, done);
// The log goes to standard error, because standard output carries the result.
console.log = console.info = console.error;

const [file, name] = process.argv.slice(2);
const context = { logGroupName: "none", logStreamName: "none" };
require(file)
  [name](JSON.parse(fs.readFileSync(0, "utf8")), context)
  // Exit although handles may still be open, as Lambda freezes the process.
  .then((answer) => process.stdout.write(JSON.stringify(answer ?? null), () => process.exit()));
