// Serves what `vercel build` made on this machine: the static files, and an instance of each function, by config.json's
// routes. Usage: PORT=8788 node router.mjs OUTPUT [CLOCK_FILE LIBFAKETIME]

import http from "node:http";
import { join } from "node:path";
import { Clock } from "./clock.mjs";
import { control } from "./control.mjs";
import { Instances } from "./instances.mjs";
import { filesBelow, readConfig, readFunctions } from "./output.mjs";
import { makeRouter } from "./routes.mjs";
import { serveFile } from "./static.mjs";

const SECONDS_TO_END = 5;
const HOP_BY_HOP = ["connection", "keep-alive", "proxy-connection", "te", "trailer", "upgrade"];

const [output, clockFile, faketime] = process.argv.slice(2);
const clock = clockFile && new Clock(process.env.LOCAL_URL, clockFile);
await clock?.follow();
const environment = { ...process.env, ...clock?.environment(faketime) };

const places = new Map();
for (const file of await filesBelow(join(output, "static"))) {
  places.set(`/${file}`, { file });
  // A folder is its index.html.
  if (/(^|\/)index\.html$/.test(file)) places.set(`/${file.slice(0, -"index.html".length)}`.replace(/(.)\/$/, "$1"), { file });
}
const functions = await readFunctions(output);
for (const { path, executable } of functions) places.set(`/${path}`, { instances: new Instances(executable, environment) });
const all = [...places.values()].flatMap(({ instances }) => instances ?? []);

const look = (path) => places.get(path.replace(/(.)\/$/, "$1"));
const route = makeRouter((await readConfig(output)).routes, look);

// A refusal of Vercel's own. https://vercel.com/docs/errors
function refuse(response, status, code, headers = {}) {
  response.writeHead(status, { ...headers, "content-type": "text/plain; charset=utf-8", "x-vercel-error": code });
  response.end(`${code}\n`);
}

function withoutHopByHop(headers) {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !HOP_BY_HOP.includes(name)));
}

// The headers a function gets. Vercel's edge writes the client's address into three of them, whatever the client sent.
// Here it stands in x-forwarded-for, since a test pretends to be several clients, and else it is the socket's.
function requestHeaders(request) {
  const client = request.headers["x-forwarded-for"] ?? request.socket.remoteAddress;
  return {
    ...withoutHopByHop(request.headers),
    "x-forwarded-for": client,
    "x-real-ip": client,
    "x-vercel-forwarded-for": client,
  };
}

// Hands the request to an instance. A client that leaves does not stop what it began, as on Vercel.
function invoke({ port, agent }, url, request, response, extra) {
  return new Promise((resolve) => {
    const { method } = request;
    const upstream = http.request({ host: "127.0.0.1", port, agent, method, path: url, headers: requestHeaders(request) });
    upstream.on("response", (answer) => {
      response.writeHead(answer.statusCode, { ...extra, ...withoutHopByHop(answer.headers) });
      answer.pipe(response);
      response.once("close", () => answer.resume());
      answer.once("error", () => response.destroy());
      answer.once("close", resolve);
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
  if (request.url.startsWith("/_local/")) return control(request, response, look);
  const [path, query = ""] = request.url.split(/\?(.*)/s);
  const answer = route(request.method, path, query);
  const { found, headers, status } = answer;
  if (found?.file) return serveFile(join(output, "static"), found.file, request, response, answer);
  if (!found) {
    if (headers.location) return response.writeHead(status, headers).end();
    return refuse(response, status, "NOT_FOUND", headers);
  }
  await clock?.follow();
  // A function sees the path that the client asked for, and in the query also what a rewrite made of it.
  const url = answer.query ? `${path}?${answer.query}` : path;
  return invoke(await found.instances.running(), url, request, response, headers);
}

const server = http.createServer((request, response) => {
  serve(request, response).catch((error) => {
    console.error(`host-vercel: ${request.method} ${request.url}: ${error.stack}`);
    if (response.headersSent) response.destroy();
    else refuse(response, 500, "FUNCTION_INVOCATION_FAILED");
  });
});

// Clients give connections up, not this side: a request that is sent just when this side does is lost.
server.keepAliveTimeout = 0;

let ending = false;
async function end(code) {
  if (ending) return;
  ending = true;
  server.close();
  server.closeAllConnections();
  await Promise.all(all.map((instances) => instances.stop(SECONDS_TO_END)));
  process.exit(code);
}
process.on("SIGINT", () => end(130));
process.on("SIGTERM", () => end(143));
process.on("SIGHUP", () => end(129));
process.on("exit", () => all.forEach((instances) => instances.kill()));

await Promise.all(all.map((instances) => instances.running()));
server.listen(Number(process.env.PORT ?? 8788), "127.0.0.1", () => {
  console.log(`http://127.0.0.1:${server.address().port} serves ${functions.length} functions`);
});
