// The routes of config.json, applied as Vercel applies them: those before the files, the files, those after them.
// https://vercel.com/docs/build-output-api/configuration#routes

const PHASES = ["main", "filesystem", "resource", "miss", "hit", "error"];
const KNOWN = ["src", "dest", "headers", "methods", "continue", "caseSensitive", "check", "status", "important"];

// The routes by phase. Throws on one that says more than this reads.
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
    if (unknown) throw new Error(`routes: ${unknown} of ${route.src} is not understood`);
    phases[phase].push({ ...route, pattern: new RegExp(route.src, route.caseSensitive ? "" : "i") });
  }
  return phases;
}

function substitute(text, match) {
  return text.replace(/\$(\w+)/g, (_, name) => match[name] ?? match.groups?.[name] ?? "");
}

// Runs one phase on the state {path, query, headers, status}. True when a route ended it.
function runPhase(routes, state, method, isThere) {
  for (const route of routes) {
    if (route.methods && !route.methods.includes(method)) continue;
    const match = route.pattern.exec(state.path);
    if (!match) continue;
    for (const [name, value] of Object.entries(route.headers ?? {})) state.headers[name.toLowerCase()] = substitute(value, match);
    if (route.status) state.status = route.status;
    if (route.dest) {
      const [path, query = ""] = substitute(route.dest, match).split("?");
      state.path = path;
      // What the client wrote stays as it wrote it.
      state.query = [query, state.query].filter(Boolean).join("&");
      if (route.check && !isThere(path)) continue;
    }
    if (!route.continue) return true;
  }
  return false;
}

// Makes the function that says for a method and a path with query what is served:
// {found, query, headers, status?}, where `found` is what `look` gave for a path, or undefined.
export function makeRouter(routes, look) {
  const phases = byPhase(routes);
  const isThere = (path) => look(path) !== undefined;
  return (method, path, query) => {
    const state = { path, query, headers: {}, status: undefined };
    let found;
    for (const phase of ["main", "filesystem", "resource", "miss"]) {
      runPhase(phases[phase], state, method, isThere);
      // A status without a file is the whole answer: a redirect, or a refusal.
      if (state.status && !isThere(state.path)) break;
      found = look(state.path);
      if (found) break;
    }
    if (found) runPhase(phases.hit, state, method, isThere);
    else if (!state.status || state.status >= 400) {
      state.status ??= 404;
      const refused = state.status;
      runPhase(phases.error.filter((route) => !route.status || route.status === refused), state, method, isThere);
      found = look(state.path);
    }
    return { found, query: state.query, headers: state.headers, status: state.status };
  };
}
