/** Plants small faults in TypeScript: finds in its syntax tree each place where one can be, and what to write there. */
import ts from 'typescript';

export interface Mutant {
  readonly file: string;
  /** Range of the text that is replaced. */
  readonly start: number;
  readonly end: number;
  readonly replacement: string;
  readonly kind: string;
}

const swapped: ReadonlyMap<ts.SyntaxKind, readonly (readonly [kind: string, operator: string])[]> = new Map([
  [ts.SyntaxKind.LessThanToken, [['boundary', '<=']]],
  [ts.SyntaxKind.LessThanEqualsToken, [['boundary', '<']]],
  [ts.SyntaxKind.GreaterThanToken, [['boundary', '>=']]],
  [ts.SyntaxKind.GreaterThanEqualsToken, [['boundary', '>']]],
  [ts.SyntaxKind.EqualsEqualsEqualsToken, [['comparison', '!==']]],
  [ts.SyntaxKind.ExclamationEqualsEqualsToken, [['comparison', '===']]],
  [ts.SyntaxKind.AmpersandAmpersandToken, [['logic', '||']]],
  [ts.SyntaxKind.BarBarToken, [['logic', '&&']]],
  [ts.SyntaxKind.PlusToken, [['arithmetic', '-']]],
  [ts.SyntaxKind.MinusToken, [['arithmetic', '+']]],
  [ts.SyntaxKind.AsteriskToken, [['arithmetic', '/']]],
  [ts.SyntaxKind.SlashToken, [['arithmetic', '*']]],
  [ts.SyntaxKind.PlusEqualsToken, [['arithmetic', '-=']]],
  [ts.SyntaxKind.MinusEqualsToken, [['arithmetic', '+=']]],
]);

/** Every mutant of the file, in the order of the text. */
export function mutantsOf(file: string, text: string): Mutant[] {
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.ES2024, true);
  const found: Mutant[] = [];
  const plant = (node: ts.Node, kind: string, replacement: string): void => {
    found.push({ file, start: node.getStart(source), end: node.getEnd(), replacement, kind });
  };
  const negate = (condition: ts.Expression | undefined): void => {
    if (condition !== undefined) plant(condition, 'condition', `!(${condition.getText(source)})`);
  };
  const visit = (node: ts.Node): void => {
    if (ts.isIfStatement(node) || ts.isWhileStatement(node)) negate(node.expression);
    else if (ts.isForStatement(node) || ts.isConditionalExpression(node)) negate(node.condition);
    else if (ts.isBinaryExpression(node)) {
      for (const [kind, operator] of swapped.get(node.operatorToken.kind) ?? []) {
        plant(node.operatorToken, kind, operator);
      }
    } else if (ts.isPrefixUnaryExpression(node) && node.operator === ts.SyntaxKind.ExclamationToken) {
      plant(node, 'not', `(${node.operand.getText(source)})`);
    } else if (ts.isExpressionStatement(node) && !isSuper(node)) {
      plant(node, 'statement', ';');
    } else if (ts.isContinueStatement(node) || (ts.isReturnStatement(node) && node.expression === undefined)) {
      plant(node, 'statement', ';');
    } else if (ts.isReturnStatement(node) && node.expression !== undefined) {
      const constant = constantFor(node, node.expression.getText(source));
      if (constant !== undefined) plant(node.expression, 'return', constant);
    } else if (ts.isPropertyAccessExpression(node) && node.expression.getText(source) === 'Math') {
      const name = node.name.text;
      if (name === 'min' || name === 'max') plant(node.name, 'bound', name === 'min' ? 'max' : 'min');
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return found.toSorted((a, b) => a.start - b.start);
}

export function apply(text: string, { start, end, replacement }: Mutant): string {
  return text.slice(0, start) + replacement + text.slice(end);
}

/** The line of the text in which the mutant begins, without its indent. */
export function lineOf(text: string, { start }: Mutant): string {
  return text
    .slice(text.lastIndexOf('\n', start - 1) + 1)
    .split('\n', 1)[0]!
    .trim();
}

/** `file:line kind: old → new`, each shortened to one line. */
export function describe(text: string, mutant: Mutant): string {
  const { file, start, end, kind, replacement } = mutant;
  const line = text.slice(0, start).split('\n').length;
  const short = (code: string): string => {
    const flat = code.replaceAll(/\s+/g, ' ');
    return flat.length <= 70 ? flat : `${flat.slice(0, 67)}...`;
  };
  const code = short(lineOf(text, mutant));
  return `${file}:${line} ${kind}: ${short(text.slice(start, end))} → ${short(replacement)}   in  ${code}`;
}

function isSuper({ expression }: ts.ExpressionStatement): boolean {
  return ts.isCallExpression(expression) && expression.expression.kind === ts.SyntaxKind.SuperKeyword;
}

/** A constant of the type that the function declares, other than what it returns already. */
function constantFor(node: ts.ReturnStatement, returned: string): string | undefined {
  let parent: ts.Node = node.parent;
  while (!ts.isFunctionLike(parent)) parent = parent.parent;
  const type = parent.type?.getText();
  const constants = { boolean: returned === 'true' ? 'false' : 'true', number: '0' } as Record<string, string>;
  const constant = type === undefined ? undefined : (constants[type] ?? /\b(undefined|null)\b/.exec(type)?.[0]);
  return constant === returned ? undefined : constant;
}
