// Prints the result of `vercel build` and fails if it does not match the checkout.
// Usage: node describe.mjs OUTPUT ROOT

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { filesBelow, readConfig, readFunctions } from "./output.mjs";

const [output, root] = process.argv.slice(2);
const problems = [];

console.log("functions");
const functions = await readFunctions(output);
for (const { path, bytes, config } of functions) {
  console.log(`  /${path}: ${bytes} bytes, ${config.maxDuration ?? "default"} seconds at most`);
}
const built = new Set(functions.map(({ path }) => `${path}.rs`));
const sources = (await filesBelow(join(root, "api"))).map((file) => `api/${file}`);
for (const file of sources) if (!built.has(file)) problems.push(`${file} became no function`);

console.log("crons");
for (const { path, schedule } of (await readConfig(output)).crons ?? []) console.log(`  ${path}: ${schedule}`);

console.log("static files");
const missing = new Set(await filesBelow(join(root, "public")));
for (const file of await filesBelow(join(output, "static"))) {
  console.log(`  ${file}`);
  const same =
    missing.has(file) && (await readFile(join(output, "static", file))).equals(await readFile(join(root, "public", file)));
  if (!same) problems.push(`the static file ${file} is not from public/`);
  missing.delete(file);
}
for (const file of missing) problems.push(`public/${file} was not published`);

for (const problem of problems) console.error(`build-vercel: ${problem}`);
process.exitCode = problems.length > 0 ? 1 : 0;
