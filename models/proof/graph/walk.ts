/**
 * The second witness beside the trial (../prove.ts): walks the graph of an ONNX file with the rows of the inputs, and finds
 * operators that mix them, however rarely that shows. Pure. Speaks only where the batch axis can be followed with certainty;
 * "not sure" is silence, and then the trial decides alone.
 */
import type { Signature } from '../../tensor.ts';
import type { Attribute, Graph, GraphFunction, GraphNode, OnnxFile } from './onnx-file.ts';
import { outputsOf } from './operators.ts';
import { rowsAt, sharedOf, unknown, type Finding, type Place } from './places.ts';
import { OnnxReadError } from './protobuf.ts';
import { placeOf } from './rule.ts';

export interface Walk {
  /** Operators that mix rows, in the order of the graph, whatever becomes of what they compute. */
  readonly findings: readonly string[];
  /** The one whose mixing reaches an output of the model for certain; null where there is none. */
  readonly decisive: string | null;
  /** Places of the model's outputs, in the order of the file. */
  readonly outputs: readonly Place[];
}

/** Limit of visited nodes, beyond which nothing is reported: functions that call functions can make a small file endless. */
const mostVisits = 500_000;
const deepestCalls = 16;

/**
 * @param inputs with their batch axes
 * @throws OnnxReadError where the graph is larger than this walk takes on
 */
export function walk(file: OnnxFile, inputs: Signature['inputs']): Walk {
  const walker = new Walker(file);
  const places = new Map<string, Place>();
  for (const { name, shape, batchAxis } of inputs) {
    const lengths = shape.map((length) => (length === -1 ? null : length));
    places.set(name, batchAxis === null ? sharedOf(lengths) : rowsAt(batchAxis, lengths));
  }
  const outputs = walker.graph(file.graph, new Scope(null, places), {
    opset: file.opset,
    attributes: noAttributes,
    depth: 0,
  });
  const mixed = outputs.find((place) => place.kind === 'mixed');
  return { findings: [...walker.findings].map(({ text }) => text), decisive: mixed?.by.text ?? null, outputs };
}

const noAttributes: ReadonlyMap<string, Attribute> = new Map();

/** Tensors by name: those of a subgraph, and behind them those of the graphs around it. */
class Scope {
  readonly #outer: Scope | null;
  readonly #places: Map<string, Place>;

  constructor(outer: Scope | null, places: Map<string, Place>) {
    this.#outer = outer;
    this.#places = places;
  }

  get(name: string): Place {
    return this.#places.get(name) ?? this.#outer?.get(name) ?? unknown;
  }

  set(name: string, place: Place): void {
    this.#places.set(name, place);
  }
}

/** The function, or the file, that nodes stand in. */
interface Surroundings {
  readonly opset: number;
  /** Attributes of the call of a function. */
  readonly attributes: ReadonlyMap<string, Attribute>;
  readonly depth: number;
}

class Walker {
  readonly findings = new Set<Finding>();
  readonly #file: OnnxFile;
  #visits = 0;

  constructor(file: OnnxFile) {
    this.#file = file;
  }

  /** @returns the places of the graph's outputs */
  graph(graph: Graph, scope: Scope, around: Surroundings): Place[] {
    for (const [name, constant] of graph.constants) scope.set(name, placeOf(constant));
    return this.#nodes(graph, scope, around);
  }

  #nodes({ nodes, outputs }: Pick<Graph, 'nodes' | 'outputs'>, scope: Scope, around: Surroundings): Place[] {
    for (const node of nodes) {
      this.#visits += 1;
      if (this.#visits > mostVisits) throw new OnnxReadError(`more than ${mostVisits} nodes with those of functions`);
      const places = this.#node(node, scope, around);
      for (const [index, name] of node.outputs.entries()) scope.set(name, places[index] ?? unknown);
    }
    return outputs.map((name) => scope.get(name));
  }

  #node(node: GraphNode, scope: Scope, around: Surroundings): readonly Place[] {
    const inputs = node.inputs.map((name) => (name === '' ? undefined : scope.get(name)));
    const attribute = (name: string): Attribute | undefined => {
      const own = node.attributes.get(name);
      return own?.from === null || own === undefined ? own : around.attributes.get(own.from);
    };
    const called = this.#file.functions.get(`${node.domain}:${node.operator}`);
    if (called !== undefined) return this.#call(called, inputs, node, around);
    if (node.operator === 'If' && node.domain === '') return this.#branches(node, inputs[0] ?? unknown, scope, around);
    const bodies = [...node.attributes.values()].flatMap(({ graph }) => graph ?? []);
    if (bodies.length > 0 || node.domain !== '') {
      const shared =
        inputs.every((place) => place === undefined || place.kind === 'shared') &&
        bodies.every((body) => this.#isShared(body, scope));
      return node.outputs.map(() => (shared ? sharedOf(null) : unknown));
    }
    const mixes = (how: string, { mayCancel = true }: Partial<Finding> = {}): Place => {
      const finding = { text: `${labelOf(node)} ${how}`, mayCancel };
      this.findings.add(finding);
      return { kind: 'mixed', by: finding };
    };
    const { opset } = around;
    return outputsOf({ operator: node.operator, opset, inputs, outputs: node.outputs.length, attribute, mixes });
  }

  #call(
    { nodes, inputs, outputs, defaults, opset }: GraphFunction,
    given: readonly (Place | undefined)[],
    node: GraphNode,
    around: Surroundings,
  ): Place[] {
    if (around.depth >= deepestCalls)
      throw new OnnxReadError(`functions call one another more than ${deepestCalls} deep`);
    const scope = new Scope(null, new Map(inputs.map((name, index) => [name, given[index] ?? unknown])));
    const attributes = new Map(defaults);
    for (const [name, own] of node.attributes) {
      const value = own.from === null ? own : around.attributes.get(own.from);
      if (value !== undefined) attributes.set(name, value);
    }
    const inside = { opset: opset ?? around.opset, attributes, depth: around.depth + 1 };
    return this.#nodes({ nodes, outputs }, scope, inside);
  }

  /** An If is decided once for the whole run. */
  #branches(node: GraphNode, condition: Place, scope: Scope, around: Surroundings): readonly Place[] {
    const [yes, no] = ['then_branch', 'else_branch'].map((name) => {
      const graph = node.attributes.get(name)?.graph ?? null;
      return graph === null ? [] : this.graph(graph, new Scope(scope, new Map()), around);
    });
    return node.outputs.map((_, index) => {
      if (condition.kind === 'mixed') return condition;
      if (condition.kind !== 'shared') return unknown;
      return either(yes?.[index] ?? unknown, no?.[index] ?? unknown);
    });
  }

  /** Whether a body reads nothing from outside but what all rows share. */
  #isShared(body: Graph, scope: Scope): boolean {
    const own = new Set([...body.inputs, ...body.constants.keys(), '']);
    for (const node of body.nodes) {
      this.#visits += 1;
      if (node.inputs.some((name) => !own.has(name) && scope.get(name).kind !== 'shared')) return false;
      for (const { graph } of node.attributes.values()) if (graph !== null) return false;
      for (const name of node.outputs) own.add(name);
    }
    return body.outputs.every((name) => own.has(name) || scope.get(name).kind === 'shared');
  }
}

/** Place that is certain whichever of two branches is taken. */
function either(a: Place, b: Place): Place {
  if (a.kind === 'shared' && b.kind === 'shared') return sharedOf(null);
  if (a.kind === 'mixed' && b.kind === 'mixed') return a;
  if (a.kind !== 'rows' || b.kind !== 'rows' || a.axis !== b.axis || a.shape.length !== b.shape.length) return unknown;
  return rowsAt(
    a.axis,
    a.shape.map(() => null),
  );
}

function labelOf({ name, operator, outputs }: GraphNode): string {
  return name === '' ? `the ${operator} that gives '${outputs[0] ?? ''}'` : `node '${name}'`;
}
