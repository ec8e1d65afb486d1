/** Opens the port of a server. */
import { lookup } from 'node:dns/promises';
import { createServer, type AddressInfo } from 'node:net';
import type { FastifyInstance } from 'fastify';

interface Port {
  readonly host: string;
  /** 0 picks a free one. */
  readonly port: number;
  /** Connections that may wait to be accepted. */
  readonly backlog?: number;
}

/** @returns the number of the port, once it takes connections */
export async function listen(
  app: FastifyInstance,
  { host, port, backlog = 511 }: Port,
  resolve: (host: string) => Promise<readonly string[]> = addressesOf,
): Promise<number> {
  const [first = host, ...others] = await resolve(host);
  await app.listen({ host: first, port, backlog });
  const { port: opened } = app.server.address() as AddressInfo;
  await Promise.all(others.map((address) => listenToo(app, { host: address, port: opened, backlog })));
  return opened;
}

/** The addresses that a host stands for: clients of `localhost` may try that of IPv4 or that of IPv6. */
async function addressesOf(host: string): Promise<readonly string[]> {
  if (host !== 'localhost') return [host];
  const found = await lookup(host, { all: true });
  return [...new Set(found.map(({ address }) => address))];
}

/** Hands the connections of another address to the same server. An address that can't be had is done without. */
function listenToo(app: FastifyInstance, { host, port, backlog }: Required<Port>): Promise<void> {
  const other = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    app.server.emit('connection', socket);
  });
  app.server.once('close', () => other.close());
  return new Promise((done) => {
    other.on('error', () => done());
    other.listen({ host, port, backlog }, done);
  });
}
