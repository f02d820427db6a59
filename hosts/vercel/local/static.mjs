// Serves the static files of a build.

import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { extname, join } from "node:path";
import { pipeline } from "node:stream/promises";

const TYPES = { ".html": "text/html; charset=utf-8", ".svg": "image/svg+xml", ".txt": "text/plain; charset=utf-8", ".json": "application/json" };

export async function serveFile(folder, file, request, response, { status = 200, headers }) {
  if (status === 200 && !["GET", "HEAD"].includes(request.method)) {
    response.writeHead(405, { ...headers, allow: "GET, HEAD" }).end();
    return;
  }
  const path = join(folder, file);
  const { size } = await stat(path);
  response.writeHead(status, {
    "content-type": TYPES[extname(file)] ?? "application/octet-stream",
    "content-length": size,
    "cache-control": "public, max-age=0, must-revalidate",
    ...headers,
  });
  if (request.method === "HEAD") response.end();
  else await pipeline(createReadStream(path), response);
}
