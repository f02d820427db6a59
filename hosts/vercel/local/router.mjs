// Serves the output of `vercel build` on this machine: the static files and one instance of each
// function, by the routes of config.json.
// Usage: PORT=8788 node router.mjs OUTPUT [CLOCK_FILE LIBFAKETIME]

import http from "node:http";
import { join } from "node:path";
import { Clock } from "./clock.mjs";
import { control } from "./control.mjs";
import { FunctionInstance } from "./instance.mjs";
import { filesBelow, readConfig, readFunctions } from "./output.mjs";
import { makeRouter } from "./routes.mjs";
import { serveFile } from "./static.mjs";

const STOP_SECONDS = 5;
const HOP_BY_HOP = ["connection", "keep-alive", "proxy-connection", "te", "trailer", "upgrade"];

const [output, clockFile, faketime] = process.argv.slice(2);
const clock = clockFile && new Clock(process.env.LOCAL_URL, clockFile);
await clock?.update();
const environment = { ...process.env, ...clock?.environment(faketime) };

const targets = new Map();
for (const file of await filesBelow(join(output, "static"))) {
  targets.set(`/${file}`, { file });
  // The path of a folder serves its index.html.
  if (/(^|\/)index\.html$/.test(file)) targets.set(`/${file.slice(0, -"index.html".length)}`.replace(/(.)\/$/, "$1"), { file });
}
const functions = await readFunctions(output);
for (const { path, executable } of functions) targets.set(`/${path}`, { instance: new FunctionInstance(executable, environment) });
const instances = [...targets.values()].flatMap(({ instance }) => instance ?? []);

const findTarget = (path) => targets.get(path.replace(/(.)\/$/, "$1"));
const route = makeRouter((await readConfig(output)).routes, findTarget);

// One of Vercel's own error responses. https://vercel.com/docs/errors
function refuse(response, status, code, headers = {}) {
  response.writeHead(status, { ...headers, "content-type": "text/plain; charset=utf-8", "x-vercel-error": code });
  response.end(`${code}\n`);
}

function withoutHopByHop(headers) {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !HOP_BY_HOP.includes(name)));
}

// The headers for a function. Vercel's edge overwrites three of them with the client's address.
// This router takes the address from x-forwarded-for, because tests act as several clients, or else
// from the socket.
function requestHeaders(request) {
  const client = request.headers["x-forwarded-for"] ?? request.socket.remoteAddress;
  return {
    ...withoutHopByHop(request.headers),
    "x-forwarded-for": client,
    "x-real-ip": client,
    "x-vercel-forwarded-for": client,
  };
}

// Passes the request to an instance. As on Vercel, a disconnect does not cancel the invocation.
function invoke({ port, agent }, url, request, response, extra) {
  return new Promise((resolve) => {
    const { method } = request;
    const upstream = http.request({ host: "127.0.0.1", port, agent, method, path: url, headers: requestHeaders(request) });
    upstream.on("response", (incoming) => {
      response.writeHead(incoming.statusCode, { ...extra, ...withoutHopByHop(incoming.headers) });
      incoming.pipe(response);
      response.once("close", () => incoming.resume());
      incoming.once("error", () => response.destroy());
      incoming.once("close", resolve);
    });
    upstream.on("error", (error) => {
      console.error(`host-vercel: ${method} ${url}: ${error.message}`);
      if (response.headersSent) response.destroy();
      else refuse(response, 500, "FUNCTION_INVOCATION_FAILED", extra);
      resolve();
    });
    request.once("close", () => request.complete || upstream.destroy());
    request.pipe(upstream);
  });
}

async function serve(request, response) {
  if (request.url.startsWith("/_local/")) return control(request, response, findTarget);
  const [path, query = ""] = request.url.split(/\?(.*)/s);
  const match = route(request.method, path, query);
  const { target, headers, status } = match;
  if (target?.file) return serveFile(join(output, "static"), target.file, request, response, match);
  if (!target) {
    if (headers.location) return response.writeHead(status, headers).end();
    return refuse(response, status, "NOT_FOUND", headers);
  }
  await clock?.update();
  // A function gets the client's path, and a query that includes the parameters of a rewrite.
  const url = match.query ? `${path}?${match.query}` : path;
  return invoke(await target.instance.running(), url, request, response, headers);
}

const server = http.createServer((request, response) => {
  serve(request, response).catch((error) => {
    console.error(`host-vercel: ${request.method} ${request.url}: ${error.stack}`);
    if (response.headersSent) response.destroy();
    else refuse(response, 500, "FUNCTION_INVOCATION_FAILED");
  });
});

// Only clients close idle connections. A request would be lost if the server closed at that moment.
server.keepAliveTimeout = 0;

let ending = false;
async function end(code) {
  if (ending) return;
  ending = true;
  server.close();
  server.closeAllConnections();
  await Promise.all(instances.map((instance) => instance.stop(STOP_SECONDS)));
  process.exit(code);
}
process.on("SIGINT", () => end(130));
process.on("SIGTERM", () => end(143));
process.on("SIGHUP", () => end(129));
process.on("exit", () => instances.forEach((instance) => instance.kill()));

await Promise.all(instances.map((instance) => instance.running()));
server.listen(Number(process.env.PORT ?? 8788), "127.0.0.1", () => {
  console.log(`http://127.0.0.1:${server.address().port} serves ${functions.length} functions`);
});
