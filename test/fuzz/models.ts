/** Models of the fuzz run whose answers can be computed without ONNX Runtime, and their tensors. */
import { datatypeBytes, type Datatype } from '../../contract/datatypes.ts';
import { typesEcho, variableLength } from '../../models/author/fixtures.ts';
import type { RepositoryContent } from '../support/repository.ts';

export interface TensorSpec {
  readonly name: string;
  readonly datatype: Datatype;
  /** Lengths of a row's axes; null for one that varies. */
  readonly row: readonly (number | null)[];
}

export interface ModelSpec {
  readonly name: string;
  readonly inputs: readonly TensorSpec[];
  readonly outputs: readonly string[];
  /** Most rows of a request that the fuzz run sends. */
  readonly mostRows: number;
}

const datatypes = Object.keys(datatypeBytes) as Datatype[];
const pair = ['INPUT0', 'INPUT1'].map((name) => ({ name, datatype: 'INT32' as const, row: [16] }));

export const models: readonly ModelSpec[] = [
  // Sums and differences of two tensors.
  { name: 'simple', inputs: pair, outputs: ['OUTPUT0', 'OUTPUT1'], mostRows: 8 },
  // Copies of each datatype.
  {
    name: 'types',
    inputs: datatypes.map((datatype) => ({ name: datatype.toLowerCase(), datatype, row: [2] })),
    outputs: datatypes.map((datatype) => `${datatype.toLowerCase()}_out`),
    mostRows: 24,
  },
  // Sums of rows whose lengths differ.
  { name: 'sums', inputs: [{ name: 'x', datatype: 'FP32', row: [null] }], outputs: ['y'], mostRows: 64 },
  // Languages of texts, by a transform.
  { name: 'langid', inputs: [{ name: 'text', datatype: 'BYTES', row: [] }], outputs: ['label', 'score'], mostRows: 64 },
];

export const repositoryContent: RepositoryContent = {
  zoo: ['simple', 'langid'],
  files: { types: typesEcho(), sums: variableLength() },
};
