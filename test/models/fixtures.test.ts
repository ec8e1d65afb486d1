/**
 * Models of strangers, without configuration, in a whole system: each answer is what ONNX Runtime in Python gave to the request run
 * alone (cases.json, written by check_models.py), however many others are asked at the same time. `npm run test:models` is the
 * long form, over the whole corpus.
 */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { prepareTarget } from '../../bench/load-test/target.ts';
import { longForm } from '../support/long-form.ts';
import { startSystem, type System } from '../support/system.ts';

interface Tensor {
  readonly name: string;
  readonly shape: readonly number[];
  readonly data: readonly (number | string)[];
}

interface Cases {
  /** Whether its rows are independent, so that requests may share a run. */
  readonly independent: boolean;
  readonly note: string;
  readonly requests: readonly {
    readonly inputs: readonly (Tensor & { readonly datatype: string })[];
    readonly outputs: readonly Tensor[];
  }[];
}

const folder = fileURLToPath(new URL('fixtures', import.meta.url));
const models = readdirSync(folder);
const casesOf = (model: string) => JSON.parse(readFileSync(path.join(folder, model, 'cases.json'), 'utf8')) as Cases;
/** Each request is asked so often at the same time, to meet many companions. */
const rounds = longForm ? 100 : 8;

let system: System;
before(async () => {
  system = await startSystem(['--repository', folder]);
});
after(() => system.stop());

describe('strangers’ models', () => {
  for (const model of models) {
    const { requests, note, independent } = casesOf(model);
    test(`${model}${note === '' ? '' : ` (${note})`}: every answer is its own`, async () => {
      for (const request of requests) await expectRight(model, request);
      await Promise.all(
        Array.from({ length: rounds }, () => requests)
          .flat()
          .map((request) => expectRight(model, request)),
      );
    });

    test(`${model}: ${independent ? 'is batched' : 'is run alone, and the start says why'}`, () => {
      const [line] = system.output.filter((text) => text.includes('"model is loaded"') && text.includes(`"${model}"`));
      const { unbatchedReason } = JSON.parse(line!) as { unbatchedReason: string | null };
      if (independent) assert.equal(unbatchedReason, null);
      else assert.match(String(unbatchedReason), /outputs change with companions|has shape/);
    });
  }
});

test('sluice bench finds ids that a small vocabulary has, and says which', async () => {
  const plan = { protocol: 'oip', body: 'json', version: null, rows: 1, shapes: { ids: [1, 8] }, bodies: 8 } as const;
  const target = { ...plan, origin: system.origin, model: 'pt-small-vocabulary', seed: 1, headers: {} };
  const { workload, integersBelow } = await prepareTarget(target);
  assert.equal(integersBelow, 2);
  for (const body of workload.bodies) {
    const answer = await fetch(system.origin + workload.path, {
      method: 'POST',
      headers: workload.headers,
      body: new Uint8Array(body),
    });
    assert.equal(answer.status, 200, await answer.text());
  }
});

async function expectRight(model: string, { inputs, outputs }: Cases['requests'][number]): Promise<void> {
  const response = await fetch(`${system.origin}/v2/models/${model}/infer`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ inputs, outputs: outputs.map(({ name }) => ({ name })) }),
  });
  const body = (await response.json()) as { error?: string; outputs: readonly Tensor[] };
  assert.equal(response.status, 200, body.error);
  for (const expected of outputs) {
    const got: Tensor | undefined = body.outputs.find(({ name }) => name === expected.name);
    assert.deepEqual(got?.shape, expected.shape, expected.name);
    for (const [index, value] of expected.data.entries()) {
      const own: number | string = got.data[index]!;
      if (typeof value === 'string') assert.equal(own, value);
      else {
        const apart = Math.abs(Number(own) - value);
        assert.ok(apart <= 2e-2 * Math.abs(value) + 2e-3, `${expected.name}[${index}]: ${own}, not ${value}`);
      }
    }
  }
}
