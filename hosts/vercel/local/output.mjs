// Reads the output of `vercel build`. https://vercel.com/docs/build-output-api

import { readFile, readdir, stat } from "node:fs/promises";
import { join, relative, sep } from "node:path";

// All files below a folder, as relative paths with slashes.
export async function filesBelow(folder) {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => !entry.isDirectory())
    .map((entry) => relative(folder, join(entry.parentPath ?? entry.path, entry.name)).split(sep).join("/"))
    .sort();
}

// All functions: {path, executable, bytes, config}. `path` has no leading slash, and `bytes` is the
// size of the executable.
export async function readFunctions(output) {
  const folder = join(output, "functions");
  const configs = (await filesBelow(folder)).filter((file) => file.endsWith(".func/.vc-config.json"));
  return Promise.all(
    configs.map(async (file) => {
      const config = JSON.parse(await readFile(join(folder, file), "utf8"));
      const executable = join(folder, file, "..", config.handler);
      return { path: file.replace(/\.func\/\.vc-config\.json$/, ""), executable, bytes: (await stat(executable)).size, config };
    }),
  );
}

export async function readConfig(output) {
  return JSON.parse(await readFile(join(output, "config.json"), "utf8"));
}
