// Runs `wrangler dev --local` and forwards requests to its Worker.
// Usage: PORT=8787 node serve.mjs LOGS WRANGLER ARGUMENT...
//
// wrangler starts two workerd processes. One runs the Worker on a free port. The other is a proxy
// that keeps connections to it. Both ends close an idle connection after the same five seconds. A
// POST sent at that moment is lost, and the proxy answers 503 and reports a restart of the Worker.
// A GET waits until the next request. https://github.com/cloudflare/workers-sdk/issues/14641
// This program therefore sends each request directly to the Worker's process, on a new connection.

import { spawn } from "node:child_process";
import http from "node:http";
import { readFile, readdir } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";

const HOP_BY_HOP = ["connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade"];

const [logs, wrangler, ...options] = process.argv.slice(2);

// Waits for the Worker's address, which wrangler writes to its log.
async function findWorker() {
  for (;;) {
    for (const file of await readdir(logs).catch(() => [])) {
      const match = /"reloadComplete","proxyData":\{"userWorkerUrl":(\{[^}]*\})/.exec(await readFile(join(logs, file), "utf8"));
      if (match) return JSON.parse(match[1]);
    }
    await wait(50);
  }
}

// The raw headers without those of the connection.
function endToEnd(rawHeaders) {
  const headers = [];
  for (let at = 0; at < rawHeaders.length; at += 2) {
    if (!HOP_BY_HOP.includes(rawHeaders[at].toLowerCase())) headers.push(rawHeaders[at], rawHeaders[at + 1]);
  }
  return headers;
}

// Forwards one request. A connection that breaks on one side is closed on the other.
function forward({ hostname, port }, request, response) {
  const { method, url } = request;
  const headers = endToEnd(request.rawHeaders);
  if (request.headers["transfer-encoding"]) headers.push("transfer-encoding", "chunked");
  const upstream = http.request({ hostname, port, method, path: url, headers, agent: false });
  upstream.on("response", (incoming) => {
    response.writeHead(incoming.statusCode, incoming.statusMessage, endToEnd(incoming.rawHeaders));
    incoming.on("error", () => response.destroy());
    incoming.pipe(response);
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
// Only clients close idle connections, for the reason above.
server.keepAliveTimeout = 0;
server.listen(Number(process.env.PORT), "127.0.0.1", () => {
  console.log(`http://127.0.0.1:${server.address().port} serves the Worker`);
});
