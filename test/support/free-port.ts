/**
 * Ports of this machine that stay free until a test uses them: systems hand out none below 32768 to whoever asks for any, and each
 * process of tests begins at another.
 */
import { once } from 'node:events';
import { createServer } from 'node:net';
import process from 'node:process';

const firstPort = 20_000;
const perProcess = 80;
const ports = 10_000;
let next = (process.pid * perProcess) % ports;

/** @returns a port on which nothing listens, and which no later call gives out for long */
export async function freePort(host = '127.0.0.1'): Promise<number> {
  for (let tries = 0; tries < ports; tries += 1) {
    const port = firstPort + next;
    next = (next + 1) % ports;
    if (await isFree(port, host)) return port;
  }
  throw new Error(`no port from ${firstPort} to ${firstPort + ports - 1} is free on ${host}`);
}

async function isFree(port: number, host: string): Promise<boolean> {
  const server = createServer();
  try {
    server.listen(port, host);
    await once(server, 'listening');
  } catch {
    return false;
  }
  await new Promise((resolve) => server.close(resolve));
  return true;
}
