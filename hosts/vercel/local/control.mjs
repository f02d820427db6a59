// `/_local/*`: how a test controls the functions. Never part of a production host.
//
// POST /_local/instances {"path":"/api/health","action":"kill"} kills the function's instance.
// "end" sends SIGTERM first, as the platform does. The response is 200 once the instance has ended,
// or 409 if none was running.

const MAX_BODY_LENGTH = 1024;
// The platform's time between SIGTERM and SIGKILL.
const NOTICE_SECONDS = 0.5;

async function readJson(request) {
  let text = "";
  for await (const piece of request) {
    text += piece;
    if (text.length > MAX_BODY_LENGTH) return undefined;
  }
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

async function act({ path, action } = {}, findTarget) {
  if (!["kill", "end"].includes(action) || typeof path !== "string") return [422, 'the body must be {"path","action":"kill"|"end"}'];
  const { instance } = findTarget(path) ?? {};
  if (!instance) return [404, `no function is served at ${path}`];
  const wasRunning = action === "kill" ? await instance.kill() : await instance.stop(NOTICE_SECONDS);
  return wasRunning ? [200] : [409, `no instance of ${path} is running`];
}

// Answers a request to `/_local/*`. `findTarget` returns the target at a path.
export async function control(request, response, findTarget) {
  const known = request.url === "/_local/instances" && request.method === "POST";
  const [status, detail] = known ? await act(await readJson(request), findTarget) : [404, "the control API has no such route"];
  const body = detail ? { type: "about:blank", status, detail } : { ok: true };
  response.writeHead(status, { "content-type": detail ? "application/problem+json" : "application/json" });
  response.end(JSON.stringify(body));
}
