// Applies the routes of config.json as Vercel does, some before the static files, some after them.
// https://vercel.com/docs/build-output-api/configuration#routes

const PHASES = ["main", "filesystem", "resource", "miss", "hit", "error"];
const KNOWN = ["src", "dest", "headers", "methods", "continue", "caseSensitive", "check", "status", "important"];

// Groups routes by phase. Throws on an unsupported member.
function byPhase(routes) {
  const phases = Object.fromEntries(PHASES.map((phase) => [phase, []]));
  let phase = "main";
  for (const route of routes) {
    if (route.handle) {
      phase = route.handle;
      if (!phases[phase]) throw new Error(`routes: there is no phase ${phase}`);
      continue;
    }
    const unknown = Object.keys(route).find((key) => !KNOWN.includes(key));
    if (unknown) throw new Error(`routes: ${unknown} of ${route.src} is not supported`);
    phases[phase].push({ ...route, pattern: new RegExp(route.src, route.caseSensitive ? "" : "i") });
  }
  return phases;
}

function substitute(text, match) {
  return text.replace(/\$(\w+)/g, (_, name) => match[name] ?? match.groups?.[name] ?? "");
}

// Runs one phase on the state {path, query, headers, status}. True if a route ended the phase.
function runPhase(routes, state, method, exists) {
  for (const route of routes) {
    if (route.methods && !route.methods.includes(method)) continue;
    const match = route.pattern.exec(state.path);
    if (!match) continue;
    for (const [name, value] of Object.entries(route.headers ?? {})) state.headers[name.toLowerCase()] = substitute(value, match);
    if (route.status) state.status = route.status;
    if (route.dest) {
      const [path, query = ""] = substitute(route.dest, match).split("?");
      state.path = path;
      // The client's own query stays unchanged.
      state.query = [query, state.query].filter(Boolean).join("&");
      if (route.check && !exists(path)) continue;
    }
    if (!route.continue) return true;
  }
  return false;
}

// Returns a function from a method, a path and a query to {target, query, headers, status?}.
// `target` is the result of `findTarget` for the path, or undefined.
export function makeRouter(routes, findTarget) {
  const phases = byPhase(routes);
  const exists = (path) => findTarget(path) !== undefined;
  return (method, path, query) => {
    const state = { path, query, headers: {}, status: undefined };
    let target;
    for (const phase of ["main", "filesystem", "resource", "miss"]) {
      runPhase(phases[phase], state, method, exists);
      // A status without a file is a complete response: a redirect or a refusal.
      if (state.status && !exists(state.path)) break;
      target = findTarget(state.path);
      if (target) break;
    }
    if (target) runPhase(phases.hit, state, method, exists);
    else if (!state.status || state.status >= 400) {
      state.status ??= 404;
      const refusal = state.status;
      runPhase(phases.error.filter((route) => !route.status || route.status === refusal), state, method, exists);
      target = findTarget(state.path);
    }
    return { target, query: state.query, headers: state.headers, status: state.status };
  };
}
