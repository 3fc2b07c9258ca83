// connect-dynamodb under express-session, with the workload of benchmarks/workload.py.
// node server.js TABLE ENDPOINT; prints its port.
"use strict";
const { DynamoDBClient } = require("@aws-sdk/client-dynamodb");
const express = require("express");
const session = require("express-session");
const DynamoDBStore = require("connect-dynamodb")(session);

const [table, endpoint] = process.argv.slice(2);
const app = express();
const begin = express.json({ limit: "1mb" });
app.get("/-/cpu", (request, response) => {
  const { user, system } = process.cpuUsage();
  response.json((user + system) / 1e6);
});
app.use(
  session({
    store: new DynamoDBStore({ table, client: new DynamoDBClient({ endpoint }) }),
    secret: "benchmark",
    resave: false,
    saveUninitialized: false,
  }),
);
app.post("/begin", begin, (request, response) => {
  Object.assign(request.session, request.body, { visits: 0 });
  response.send("0");
});
app.get("/read", (request, response) => response.send(String(request.session.visits)));
app.get("/change", (request, response) => {
  request.session.visits += 1;
  response.send(String(request.session.visits));
});
const server = app.listen(0, "127.0.0.1", () => console.log(server.address().port));
// The benchmark leaves connections idle for longer than the five seconds that node would wait.
server.keepAliveTimeout = 0;
process.stdin.on("end", () => process.exit()).resume();
