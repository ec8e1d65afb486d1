import type { Peer } from '../peer.ts';
import { instances, rawFloats } from '../protocol.ts';

const path = (model: string): string => `/models/${model}`;

export const fastapi: Peer = {
  name: 'fastapi',
  title: 'FastAPI + ONNX Runtime',
  settings:
    'uvicorn with uvloop, httptools and a process for each of two cores, no access log; orjson reads and writes, no validation by pydantic; a run is made on ' +
    'the event loop, which a thread pool would only slow down at one row. No batching. Binary: the bare floats of a row, both ways.',
  protocols: [instances(path), rawFloats(path)],
  launch: ({ folder, port }) => ({
    program: 'uvicorn',
    args: [
      'server:app',
      '--app-dir',
      folder,
      '--host',
      '127.0.0.1',
      '--port',
      String(port),
      '--workers',
      '2',
      '--loop',
      'uvloop',
      '--http',
      'httptools',
      '--no-access-log',
      '--log-level',
      'warning',
    ],
  }),
};
