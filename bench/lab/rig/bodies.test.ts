import assert from 'node:assert/strict';
import { test } from 'node:test';
import { binaryRows, jsonRows, langidTexts, rowInputs } from './bodies.ts';
import type { Workload } from '../../load-test/workload.ts';

function assertDistinct({ bodies }: Workload): void {
  assert.equal(new Set(bodies.map((body) => body.toString('latin1'))).size, bodies.length);
  assert.ok(bodies.length > 1);
}

test('a binary body is a head of the announced length, then as many floats as its shape says', () => {
  const workload = binaryRows(rowInputs.mlp);
  assertDistinct(workload);
  for (const body of workload.bodies) {
    const headLength = Number(workload.headers['inference-header-content-length']);
    const head = JSON.parse(body.toString('utf8', 0, headLength)) as { inputs: [{ shape: number[] }] };
    assert.deepEqual(head.inputs[0].shape, [1, 784]);
    assert.equal(body.length - headLength, 784 * 4);
  }
});

test('JSON bodies have the same numbers as the binary ones, and are as long as those of a Python client', () => {
  const json = jsonRows(rowInputs.mlp);
  const binary = binaryRows(rowInputs.mlp);
  assertDistinct(json);
  json.bodies.forEach((body, index) => {
    const { data } = (JSON.parse(body.toString()) as { inputs: [{ data: number[] }] }).inputs[0];
    const tail = binary.bodies[index]!.subarray(-784 * 4);
    assert.deepEqual(Buffer.from(Float32Array.from(data).buffer), tail);
    assert.ok(body.length > 12_000 && body.length < 18_000, `${body.length} bytes`);
  });
});

test('bodies are the same in every run', () => {
  assert.deepEqual(binaryRows(rowInputs.wide), binaryRows(rowInputs.wide));
});

test('texts are one sentence each', () => {
  const workload = langidTexts();
  assertDistinct(workload);
  for (const body of workload.bodies) {
    assert.equal((JSON.parse(body.toString()) as { instances: string[] }).instances.length, 1);
  }
});
