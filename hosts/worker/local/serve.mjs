// Runs `wrangler dev --local` and serves what it runs. Usage: PORT=8787 node serve.mjs LOGS WRANGLER ARGUMENT...
//
// wrangler starts two workerd: one runs the Worker on a port of its own choice, the other stands before it as a proxy and
// keeps connections to it. Both ends of these give an idle one up after the same five seconds, and a POST sent just then
// is lost: the proxy answers 503 and says that the Worker restarted, and a GET waits until something else is asked.
// https://github.com/cloudflare/workers-sdk/issues/14641
// So requests go to the workerd that runs the Worker, each on a connection of its own.

import { spawn } from "node:child_process";
import http from "node:http";
import { readFile, readdir } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";

const HOP_BY_HOP = ["connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade"];

const [logs, wrangler, ...options] = process.argv.slice(2);

// Where the Worker is run, as wrangler tells its proxy and, with that, its log.
async function findWorker() {
  for (;;) {
    for (const file of await readdir(logs).catch(() => [])) {
      const told = /"reloadComplete","proxyData":\{"userWorkerUrl":(\{[^}]*\})/.exec(await readFile(join(logs, file), "utf8"));
      if (told) return JSON.parse(told[1]);
    }
    await wait(50);
  }
}

// The headers of a message as they stand, but for those of its connection.
function endToEnd(rawHeaders) {
  const kept = [];
  for (let at = 0; at < rawHeaders.length; at += 2) {
    if (!HOP_BY_HOP.includes(rawHeaders[at].toLowerCase())) kept.push(rawHeaders[at], rawHeaders[at + 1]);
  }
  return kept;
}

// A connection that breaks on one side breaks on the other.
function forward({ hostname, port }, request, response) {
  const { method, url } = request;
  const headers = endToEnd(request.rawHeaders);
  if (request.headers["transfer-encoding"]) headers.push("transfer-encoding", "chunked");
  const upstream = http.request({ hostname, port, method, path: url, headers, agent: false });
  upstream.on("response", (answer) => {
    response.writeHead(answer.statusCode, answer.statusMessage, endToEnd(answer.rawHeaders));
    answer.on("error", () => response.destroy());
    answer.pipe(response);
  });
  upstream.on("error", (error) => {
    if (!response.destroyed) console.error(`host-worker: ${method} ${url}: ${error.message}`);
    response.destroy();
  });
  response.on("close", () => response.writableFinished || upstream.destroy());
  request.pipe(upstream);
}

const child = spawn(wrangler, ["dev", "--local", ...options], { stdio: ["ignore", "inherit", "inherit"] });
child.on("error", (error) => {
  console.error(`host-worker: ${error.message}`);
  process.exit(1);
});
child.on("exit", (code) => process.exit(code ?? 1));

const worker = await findWorker();
const server = http.createServer((request, response) => forward(worker, request, response));
// Clients give connections up, not this side, for the reason above.
server.keepAliveTimeout = 0;
server.listen(Number(process.env.PORT), "127.0.0.1", () => {
  console.log(`http://127.0.0.1:${server.address().port} serves the Worker`);
});
