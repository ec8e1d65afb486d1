/**
 * Table of ONNX's operators and what they do to the rows of a run: where their outputs have them, and which of them mix rows. Pure.
 * An operator that is not listed gives a shared output from shared inputs, and else an unknown one: only certain findings are reported.
 *
 * https://onnx.ai/onnx/operators/
 */
import { einsum, gemm, matMul, multiply, quantised, same, where } from './combining.ts';
import {
  concat,
  constant,
  expand,
  filled,
  flatten,
  gather,
  reshape,
  sizes,
  slice,
  splitRule,
  squeeze,
  transpose,
  unchanged,
  unsqueeze,
} from './moving.ts';
import { sharedOf, unknown, type Place } from './places.ts';
import {
  asksForBroken,
  batchNorm,
  chosenAlong,
  cumulative,
  draws,
  dropout,
  imageNorm,
  layerNorm,
  lpNorm,
  meanVariance,
  quantisesAll,
  recurrent,
  reduction,
  softmax,
  windowed,
} from './reducing.ts';
import type { Call, Rule } from './rule.ts';

/** @returns a place for each output */
export function outputsOf(call: Call): readonly Place[] {
  const given = call.inputs.filter((place) => place !== undefined);
  const rule = rules.get(call.operator);
  const all = (place: Place): Place[] => Array.from({ length: call.outputs }, () => place);
  const onlyShared = given.every(({ kind }) => kind === 'shared');
  if (rule === undefined) return all(onlyShared ? sharedOf(null) : unknown);
  const found = rule(call);
  return Array.isArray(found) ? (found as Place[]) : all(found as Place);
}

const named = (names: string, rule: Rule): readonly (readonly [string, Rule])[] =>
  names.split(' ').map((name) => [name, rule] as const);

const rules: ReadonlyMap<string, Rule> = new Map([
  ['Constant', constant],
  ...named('Cast Identity ZipMap', unchanged),
  ...named(
    'Abs Acos Acosh Asin Asinh Atan Atanh BitwiseNot Ceil Celu Cos Cosh Elu Erf Exp Floor Gelu HardSigmoid ' +
      'HardSwish LeakyRelu Log Mish Neg Not PRelu Reciprocal Relu Round Selu Shrink Sigmoid Sign Sin Sinh Softplus ' +
      'Softsign Sqrt Tan Tanh ThresholdedRelu',
    same,
  ),
  ...named('Add Sub Div Pow Mod Max Min Mean Sum Clip And Or Xor Equal Greater GreaterOrEqual Less LessOrEqual', same),
  ...named('BitwiseAnd BitwiseOr BitwiseXor BitShift', same),
  ['Mul', multiply],
  ['Where', where],
  ...named(
    'ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum ReduceSumSquare',
    reduction,
  ),
  ...named('Softmax LogSoftmax Hardmax', softmax),
  ['CumSum', cumulative],
  ['TopK', chosenAlong(-1, 'sorts along the batch axis', true)],
  ...named('ArgMax ArgMin', chosenAlong(0, 'chooses along the batch axis', false)),
  ['LayerNormalization', layerNorm],
  ['RMSNormalization', layerNorm],
  ['InstanceNormalization', imageNorm(2)],
  ['GroupNormalization', imageNorm(1)],
  ['LpNormalization', lpNorm],
  ['MeanVarianceNormalization', meanVariance],
  ['BatchNormalization', batchNorm],
  ...named('Conv ConvInteger', windowed('convolves')),
  ...named('MaxPool AveragePool LpPool GlobalAveragePool GlobalMaxPool GlobalLpPool', windowed('pools')),
  ...named('LSTM GRU RNN', recurrent),
  ...named('MatMul MatMulInteger', matMul),
  ['Gemm', gemm],
  ['Einsum', einsum],
  ['Transpose', transpose],
  ['Flatten', flatten],
  ['Reshape', reshape],
  ['Unsqueeze', unsqueeze],
  ['Squeeze', squeeze],
  ['Gather', gather],
  ['Concat', concat],
  ['Slice', slice],
  ['Split', splitRule],
  ...named('Shape Size', sizes),
  ['Expand', expand],
  ['ConstantOfShape', filled],
  ...named('QuantizeLinear DequantizeLinear', quantised),
  ['Dropout', dropout],
  ['DynamicQuantizeLinear', quantisesAll],
  ...named('RandomNormal RandomUniform RandomNormalLike RandomUniformLike Multinomial Bernoulli', draws),
  ...named('IsNaN IsInf', asksForBroken),
]);
