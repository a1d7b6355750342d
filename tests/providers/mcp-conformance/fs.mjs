// The module `fs` of Node.js, with a `globSync`. The one command of the suite that calls it judges SDKs, not clients.
export * from 'node:fs';
export function globSync() {
  throw new Error('globSync is not in Node.js 20');
}
