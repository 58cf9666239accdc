// Loaded by Bun before a program of the guide (--preload). The programs connect
// to port 6379, as written; the server under test listens elsewhere. So the
// destination is changed where a TCP connection is opened, and nowhere else:
// neither the program nor ioredis knows, and whatever other port a program
// names is left alone.
const net = require("node:net");

const port = Number(process.env.GUIDE_PORT);
const open = net.createConnection;

net.createConnection = function (options, ...rest) {
  if (options && options.port === 6379) {
    options = { ...options, port };
  }
  return open.call(this, options, ...rest);
};
