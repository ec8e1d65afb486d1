/** A real model server within the test's process, over a repository of tiny models in a temporary folder. */
import { mkdtemp, mkdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pino } from 'pino';
import { readSettings } from '../../contract/settings.ts';
import { testSecret, withTestSecret } from '../../runtime/testing/secret.ts';
import { runModelServer, type ModelServer } from '../server.ts';
import { ModelServerSettings } from '../settings.ts';

export interface ModelFiles {
  /** Bytes of the ONNX file by version. */
  readonly versions: Readonly<Record<string, Uint8Array>>;
  readonly config?: string;
  /** Text of transform.ts. */
  readonly transform?: string;
  /** Text of config.pbtxt. */
  readonly pbtxt?: string;
  /** Further files by their path within the folder of the model. */
  readonly beside?: Readonly<Record<string, string | Uint8Array>>;
}

export type RepositoryFiles = Readonly<Record<string, ModelFiles>>;

export async function writeRepository(models: RepositoryFiles): Promise<string> {
  const root = await mkdtemp(path.join(tmpdir(), 'sluice-models-'));
  for (const [name, { versions, config, transform, pbtxt, beside }] of Object.entries(models)) {
    await mkdir(path.join(root, name));
    for (const [version, bytes] of Object.entries(versions)) {
      await mkdir(path.join(root, name, version), { recursive: true });
      await writeFile(path.join(root, name, version, 'model.onnx'), bytes);
    }
    if (config !== undefined) await writeFile(path.join(root, name, 'config.yaml'), config);
    if (transform !== undefined) await writeFile(path.join(root, name, 'transform.ts'), transform);
    if (pbtxt !== undefined) await writeFile(path.join(root, name, 'config.pbtxt'), pbtxt);
    for (const [file, content] of Object.entries(beside ?? {})) {
      await mkdir(path.dirname(path.join(root, name, file)), { recursive: true });
      await writeFile(path.join(root, name, file), content);
    }
  }
  return root;
}

export interface TestServer extends AsyncDisposable {
  readonly origin: string;
  readonly port: number;
  readonly server: ModelServer;
  /** Folder of its models. */
  readonly repository: string;
  /** Parsed log lines. */
  readonly logged: readonly Record<string, unknown>[];
}

/** @param meanwhile is called once the server listens, while its models are loaded */
export async function startModelServer(
  models: RepositoryFiles,
  settings: Readonly<Record<string, string>> = {},
  meanwhile: (server: TestServer) => Promise<void> = () => Promise.resolve(),
): Promise<TestServer> {
  const repository = await writeRepository(models);
  const logged: Record<string, unknown>[] = [];
  const log = pino({ level: 'info' }, { write: (line) => logged.push(JSON.parse(line) as Record<string, unknown>) });
  const server = await runModelServer(
    readSettings(
      ModelServerSettings,
      { SLUICE_SECRET: testSecret },
      { repository, port: '0', podName: 'test-pod', ...settings },
    ),
    log,
    {
      onStuck: (run) => {
        throw new Error(`stuck run of ${run.model}`);
      },
      onLost: (error) => {
        throw error;
      },
    },
  );
  const started: TestServer = {
    origin: `http://127.0.0.1:${server.port}`,
    port: server.port,
    server,
    repository,
    logged,
    [Symbol.asyncDispose]: async () => {
      await server.close();
      await rm(repository, { recursive: true });
    },
  };
  await Promise.all([meanwhile(started), server.loaded]);
  return started;
}

/** POSTs JSON, or bytes as they are, with the secret of the test server. */
export async function post(url: string, body: unknown, headers: Record<string, string> = {}): Promise<Answered> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...withTestSecret, ...headers },
    body: body instanceof Uint8Array ? Buffer.from(body) : JSON.stringify(body),
  });
  return answered(response);
}

export async function get(url: string, method = 'GET'): Promise<Answered> {
  return answered(await fetch(url, { method, headers: withTestSecret }));
}

export interface Answered {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** Parsed text; undefined if it isn't JSON. */
  readonly json: unknown;
}

async function answered(response: Response): Promise<Answered> {
  const text = await response.text();
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    json = undefined;
  }
  return { status: response.status, headers: response.headers, text, json };
}

/** An infer request with one FP32 input. */
export function floats(name: string, shape: readonly number[], data: readonly number[]): object {
  return { inputs: [{ name, datatype: 'FP32', shape, data }] };
}
