// Prints what `vercel build` made and fails where it is not what the checkout says.
// Usage: node describe.mjs OUTPUT ROOT

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { filesBelow, readConfig, readFunctions } from "./output.mjs";

const [output, root] = process.argv.slice(2);
const mistakes = [];

console.log("functions");
const functions = await readFunctions(output);
for (const { path, bytes, config } of functions) {
  console.log(`  /${path}: ${bytes} bytes, ${config.maxDuration ?? "default"} seconds at most`);
}
const built = new Set(functions.map(({ path }) => `${path}.rs`));
const sources = (await filesBelow(join(root, "api"))).map((file) => `api/${file}`);
for (const file of sources) if (!built.has(file)) mistakes.push(`${file} became no function`);

console.log("crons");
for (const { path, schedule } of (await readConfig(output)).crons ?? []) console.log(`  ${path}: ${schedule}`);

console.log("static files");
const meant = new Set(await filesBelow(join(root, "public")));
for (const file of await filesBelow(join(output, "static"))) {
  console.log(`  ${file}`);
  const same =
    meant.has(file) && (await readFile(join(output, "static", file))).equals(await readFile(join(root, "public", file)));
  if (!same) mistakes.push(`the static file ${file} is not from public/`);
  meant.delete(file);
}
for (const file of meant) mistakes.push(`public/${file} was not published`);

for (const mistake of mistakes) console.error(`build-vercel: ${mistake}`);
process.exitCode = mistakes.length > 0 ? 1 : 0;
