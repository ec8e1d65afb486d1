/**
 * Text form of a verdict of the batching proof, as it is kept in a file. Pure. The sample is kept as what it takes to draw a row
 * like it; a checksum tells a file that was cut or changed.
 */
import { createHash } from 'node:crypto';
import Type from 'typebox';
import { Check } from 'typebox/value';
import { TensorSpec } from '../../contract/pod-status.ts';
import { seededRandom } from '../../runtime/seeded-random.ts';
import { isBytes } from '../../contract/tensor-data.ts';
import { drawTensor } from '../proof/draw.ts';
import type { Verdict } from '../proof/prove.ts';
import type { FileSignature } from '../repository/signature.ts';
import type { Tensor, Tensors } from '../tensor.ts';

const closed = { additionalProperties: false } as const;
const Tensors = Type.Array(
  Type.Object({ ...TensorSpec.properties, batchAxis: Type.Union([Type.Integer({ minimum: 0 }), Type.Null()]) }, closed),
);
const Independent = Type.Object(
  {
    kind: Type.Literal('independent'),
    signature: Type.Object({ inputs: Tensors, outputs: Tensors }, closed),
    largestDifference: Type.Number({ minimum: 0 }),
    trials: Type.Integer({ minimum: 0 }),
  },
  closed,
);
const Dependent = Type.Object({ kind: Type.Literal('dependent'), reason: Type.String({ minLength: 1 }) }, closed);
const Sample = Type.Object(
  {
    shapes: Type.Record(Type.String(), Type.Array(Type.Integer({ minimum: 0, maximum: 2 ** 24 }))),
    integersBelow: Type.Integer({ minimum: 1 }),
  },
  closed,
);

const Entry = Type.Object(
  {
    format: Type.Literal(1),
    /** Hash of everything that the verdict depends on; also the name of the file. */
    key: Type.String(),
    /** Name and version of the model, for people. */
    model: Type.String(),
    /** Processor that the trial ran on. */
    cpu: Type.String(),
    verdict: Type.Union([Independent, Dependent]),
    sample: Type.Union([Sample, Type.Null()]),
  },
  closed,
);
type Entry = Type.Static<typeof Entry>;

export interface KeptVerdict {
  readonly verdict: Verdict;
  readonly cpu: string;
}

/** Any file that holds no verdict of this key. */
export class KeptVerdictError extends Error {
  override readonly name = 'KeptVerdictError';
}

/** @returns null for a verdict that is not worth keeping: what was not proven today may be tomorrow, with a larger budget */
export function encodeVerdict(verdict: Verdict, about: Pick<Entry, 'key' | 'model' | 'cpu'>): string | null {
  if (verdict.kind === 'unproven') return null;
  const { sample, ...kept } = verdict;
  const entry: Entry = {
    format: 1,
    key: about.key,
    model: about.model,
    cpu: about.cpu,
    // A copy without the readonly of the verdict.
    verdict: structuredClone(kept) as Entry['verdict'],
    sample: sample === null ? null : recipeOf(sample),
  };
  const text = JSON.stringify(entry);
  return `${JSON.stringify({ sha256: sha256(text), entry }, null, 1)}\n`;
}

/** @throws KeptVerdictError */
export function decodeVerdict(text: string, key: string, file: FileSignature): KeptVerdict {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    throw new KeptVerdictError('it is not JSON');
  }
  const { sha256: sum, entry } = (parsed ?? {}) as { sha256?: unknown; entry?: unknown };
  if (!Check(Entry, entry)) throw new KeptVerdictError('it is not a verdict of this version');
  if (sum !== sha256(JSON.stringify(entry))) throw new KeptVerdictError('its checksum does not fit');
  if (entry.key !== key) throw new KeptVerdictError('it is the verdict of something else');
  const sample = entry.sample === null ? null : drawLike(entry.sample, file);
  return { verdict: { ...entry.verdict, sample }, cpu: entry.cpu };
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

function recipeOf(sample: Tensors): Entry['sample'] {
  let largest = 0;
  const shapes: Record<string, number[]> = {};
  for (const [name, { shape, datatype, data }] of sample) {
    shapes[name] = [...shape];
    if (/INT/.test(datatype) && !isBytes(data)) for (const value of data) largest = Math.max(largest, Number(value));
  }
  return { shapes, integersBelow: largest + 1 };
}

/** @throws KeptVerdictError where the model has other inputs */
function drawLike({ shapes, integersBelow }: Type.Static<typeof Sample>, { inputs }: FileSignature): Tensors {
  const random = seededRandom(1);
  const sample = new Map<string, Tensor>();
  for (const { name, datatype } of inputs) {
    const shape = shapes[name];
    if (shape === undefined) throw new KeptVerdictError(`its sample has no input '${name}'`);
    const options = { regime: 'unit', row: 1, integersBelow, lengthOf: () => 1, random } as const;
    sample.set(name, drawTensor({ name, datatype, shape, batchAxis: null }, options));
  }
  return sample;
}
