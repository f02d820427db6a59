// Prints vercel.json's headers in Cloudflare's format for static files.
// https://developers.cloudflare.com/workers/static-assets/headers/

import { readFile } from "node:fs/promises";

const { headers: rules } = JSON.parse(await readFile(new URL("../../vercel.json", import.meta.url), "utf8"));
for (const { source, headers, ...conditions } of rules) {
  const pattern = source.replace("(.*)", "*");
  if (!/^\/[\w/*-]*$/.test(pattern) || Object.keys(conditions).length > 0) {
    throw new Error(`vercel.json: Cloudflare cannot express the rule ${JSON.stringify({ source, ...conditions })}`);
  }
  console.log(pattern);
  for (const { key, value } of headers) console.log(`  ${key}: ${value}`);
}
