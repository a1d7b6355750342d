// Runs the command line of the suite. It starts on Node.js 20, and every server that it opens listens on loopback.
import { register } from 'node:module';
import net from 'node:net';

// Without a host, Node listens on all interfaces. The suite reads the port at once, so the address has to be set
// where nothing waits: `listen(0, '127.0.0.1')` would look the name up first.
const listen = net.Server.prototype._listen2;
net.Server.prototype._listen2 = function (address, port, family, ...rest) {
  return address === null ? listen.call(this, '127.0.0.1', port, 4, ...rest) : listen.call(this, address, port, family, ...rest);
};
const emit = net.Server.prototype.emit;
net.Server.prototype.emit = function (event, ...rest) {
  const at = event === 'listening' ? this.address() : null;
  if (at !== null && typeof at === 'object' && at.address !== '127.0.0.1') {
    throw new Error(`a server of the suite listens on ${at.address}`);
  }
  return emit.call(this, event, ...rest);
};

register('./fs-hook.mjs', import.meta.url);
await import('@modelcontextprotocol/conformance/dist/index.js');
