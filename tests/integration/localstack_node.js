// Runs one invocation of a Node function: node localstack_node.js FILE FUNCTION <event >answer
"use strict";
const fs = require("node:fs");
const http = require("node:http");
const https = require("node:https");

// On AWS custom resources answer by HTTPS, at its port; LocalStack listens by HTTP, at its own.
https.request = (options, done) =>
  http.request({ ...options, port: process.env.EDGE_PORT }, done);
// What it prints is its log; standard output carries the answer.
console.log = console.info = console.error;

const [file, name] = process.argv.slice(2);
const context = { logGroupName: "none", logStreamName: "none" };
require(file)
  [name](JSON.parse(fs.readFileSync(0, "utf8")), context)
  // Lambda freezes what is still open.
  .then((answer) => process.stdout.write(JSON.stringify(answer ?? null), () => process.exit()));
