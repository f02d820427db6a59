// `/_local/*`: what a test may do to the functions. Never part of a production host.
//
// POST /_local/instances {"path":"/api/health","action":"kill"} ends the function's instance at once, in the middle of
// whatever it does; "end" tells it to end first, as the platform does. 200 once it is gone; 409 when there was none.

const LARGEST_BODY = 1024;
// How long before its end the platform tells an instance.
const NOTICE_SECONDS = 0.5;

async function readJson(request) {
  let text = "";
  for await (const piece of request) {
    text += piece;
    if (text.length > LARGEST_BODY) return undefined;
  }
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

async function act({ path, action } = {}, look) {
  if (!["kill", "end"].includes(action) || typeof path !== "string") return [422, 'this takes {"path","action":"kill"|"end"}'];
  const { instances } = look(path) ?? {};
  if (!instances) return [404, `no function is served at ${path}`];
  const isGone = action === "kill" ? await instances.kill() : await instances.stop(NOTICE_SECONDS);
  return isGone ? [200] : [409, `no instance of ${path} is running`];
}

// Answers a request to `/_local/*`; `look` gives what is served at a path.
export async function control(request, response, look) {
  const known = request.url === "/_local/instances" && request.method === "POST";
  const [status, detail] = known ? await act(await readJson(request), look) : [404, "there is no such control"];
  const body = detail ? { type: "about:blank", status, detail } : { ok: true };
  response.writeHead(status, { "content-type": detail ? "application/problem+json" : "application/json" });
  response.end(JSON.stringify(body));
}
