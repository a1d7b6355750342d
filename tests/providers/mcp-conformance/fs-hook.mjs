// Gives the suite another module `fs`: it imports `globSync`, which only Node.js 22 has.
export function resolve(specifier, context, next) {
  const suite = context.parentURL?.includes('/@modelcontextprotocol/conformance/');
  return suite && specifier === 'fs'
    ? { url: new URL('./fs.mjs', import.meta.url).href, shortCircuit: true }
    : next(specifier, context);
}
