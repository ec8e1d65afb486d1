/**
 * Many stand-in pods in one process, which `bench/lab/rig/many-pods.ts` starts. Each is a port that speaks a pod's wire
 * protocol and answers every item at once, without a model, so that only the gateway costs anything. The number of pods
 * comes over IPC; their origins go back.
 */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { appendFrame, FrameDecoder, type AnswerHead, type ItemHead } from '../../../contract/envelope.ts';
import { mediaTypes, paths } from '../../../contract/headers.ts';
import type { PodStatus } from '../../../contract/pod-status.ts';

export interface StandInPods {
  readonly pods: number;
  readonly models: readonly string[];
}

const maxBodyBytes = 1024 * 1024;
const occupiedUs = 100;
const answer = Buffer.from('{"predictions":[0]}');

process.on('disconnect', () => process.exit());
process.once('message', ({ pods, models }: StandInPods) => {
  void Promise.all(Array.from({ length: pods }, (_, index) => listen(`stand-in-${index}`, models))).then((origins) =>
    process.send!(origins),
  );
});

async function listen(uid: string, models: readonly string[]): Promise<string> {
  const status = Buffer.from(JSON.stringify(statusOf(uid, models)));
  const server = createServer({ keepAliveTimeout: 0 }, (request, response) => {
    if (request.url === paths.podStatus) response.end(status);
    else serve(request, response);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

function serve(request: IncomingMessage, response: ServerResponse): void {
  const decoder = new FrameDecoder({ maxBodyBytes });
  const parts: Buffer[] = [];
  let rows = 0;
  request.on('data', (piece: Buffer) => {
    for (const { head } of decoder.push(piece)) {
      const { index } = JSON.parse(head.toString()) as ItemHead;
      const of: AnswerHead = { index, status: 200, contentType: mediaTypes.json, rows: 1, run: 0, runRows: 1 };
      appendFrame(parts, of, [answer]);
      rows += 1;
    }
  });
  request.on('end', () => {
    const runs = [{ rows, ownRows: rows, queueUs: 0, occupiedUs }];
    appendFrame(parts, { runs, queuedRows: 0, inFlight: 0, draining: false }, []);
    response.writeHead(200, { 'content-type': mediaTypes.envelope }).end(Buffer.concat(parts));
  });
}

function statusOf(uid: string, models: readonly string[]): PodStatus {
  return {
    uid,
    state: 'ready',
    inFlight: 0,
    queuedRows: 0,
    models: models.map((name) => ({
      name,
      version: '1',
      ready: true,
      isDefault: true,
      maxRows: 64,
      maxRequestRows: 64,
      warmup: [{ rows: 1, occupiedUs }],
    })),
  };
}
