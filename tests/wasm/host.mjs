// Runs the `main` of a WebAssembly module in a host where every import throws, and prints which import the
// module called.
//
// node host.mjs MODULE nothing|entropy
import { readFileSync } from "node:fs";

const [file, expected] = process.argv.slice(2);
const module = new WebAssembly.Module(readFileSync(file));
const asked = [];
const imports = {};
for (const { module: from, name, kind } of WebAssembly.Module.imports(module)) {
  if (kind !== "function") throw new Error(`an import that is no function: ${from} ${name}`);
  // wasm-bindgen's imports are in modules with placeholder names. Any other module, such as WASI, is an error.
  if (!from.startsWith("__wbindgen_")) throw new Error(`an import of another kind: ${from} ${name}`);
  (imports[from] ??= {})[name] = () => {
    asked.push(name);
    throw new Error(`asked for ${name}`);
  };
}
let ended;
try {
  const { exports } = new WebAssembly.Instance(module, imports);
  ended = exports.main(0, 0) === 0 ? "well" : "with an error";
} catch (error) {
  ended = error instanceof WebAssembly.RuntimeError ? `in a trap: ${error.stack}` : "at its host";
}
console.log(`${file}: ended ${ended}, asked for ${asked.length ? asked : "nothing"}`);
const right = {
  nothing: ended === "well" && asked.length === 0,
  entropy: ended === "at its host" && asked.length === 1,
};
if (!right[expected]) {
  console.error(`expected that it asks for ${expected}`);
  process.exit(1);
}
