/** A server that reads whatever comes, answers nothing, and tells its parent its port: what attackers cost without Sluice's part. */
import { createServer, type AddressInfo } from 'node:net';
import process from 'node:process';

const server = createServer((socket) => {
  socket.on('error', () => undefined).resume();
});
server.listen(0, '127.0.0.1', () => process.send?.((server.address() as AddressInfo).port));
process.on('disconnect', () => process.exit());
