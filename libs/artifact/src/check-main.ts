import { Problem } from '@proxylet/contract';
import { type AnyNode, type Program, parse } from 'acorn';
import { show } from './refusal.js';

/**
 * Checks that a text is the one bundled ES module an engine can run: it parses, has a default export, and needs
 * no other module to start. Costs time by the square of what a hostile author sends; `MainChecker` bounds it.
 *
 * @throws Problem `main-invalid` with line:column, both from 1
 */
export function checkMain(source: string, path: string): void {
  const program = parseModule(source, path);
  for (const statement of program.body) assertNoImport(statement, path);
  if (!program.body.some(exportsDefault)) {
    throw new Problem(
      'main-invalid',
      `The main module ${show(path)} has no default export: write \`export default { async fetch(request, env, ctx) { … } }\`.`,
    );
  }
  const dynamic = topLevelDynamicImport(program);
  if (dynamic !== undefined)
    throw mainInvalid(path, dynamic, 'imports a module while it starts; bundle it in');
}

function parseModule(source: string, path: string): Program {
  try {
    return parse(source, { ecmaVersion: 'latest', sourceType: 'module', locations: true });
  } catch (error) {
    if (error instanceof RangeError) {
      throw new Problem('main-invalid', `The main module ${show(path)} is nested too deep to be read.`, {
        cause: error,
      });
    }
    if (!(error instanceof SyntaxError)) throw error;
    const what = error.message.replace(/ \(\d+:\d+\)$/, '');
    throw mainInvalid(path, 'loc' in error ? (error.loc as Position) : undefined, `does not parse: ${what}`);
  }
}

interface Position {
  readonly line: number;
  /** From 0. */
  readonly column: number;
}

/** `why` completes the sentence "The main module … <why>." */
function mainInvalid(path: string, at: Position | undefined, why: string): Problem {
  const where = at === undefined ? '' : `:${at.line}:${at.column + 1}`;
  return new Problem('main-invalid', `The main module ${show(path)} ${why.slice(0, 200)} (${path}${where}).`);
}

function assertNoImport(statement: AnyNode, path: string): void {
  const isImport = statement.type === 'ImportDeclaration' || statement.type === 'ExportAllDeclaration';
  const isReexport = statement.type === 'ExportNamedDeclaration' && statement.source != null;
  if (!isImport && !isReexport) return;
  throw mainInvalid(
    path,
    statement.loc?.start,
    `imports ${show(String(statement.source?.value))}; main is one bundled module`,
  );
}

function exportsDefault(statement: AnyNode): boolean {
  if (statement.type === 'ExportDefaultDeclaration') return true;
  if (statement.type !== 'ExportNamedDeclaration') return false;
  return statement.specifiers.some(({ exported }) =>
    exported.type === 'Identifier' ? exported.name === 'default' : exported.value === 'default',
  );
}

const functions = new Set(['FunctionDeclaration', 'FunctionExpression', 'ArrowFunctionExpression']);

/** Walks with a list of its own: a long chain of operators is deeper than the stack. */
function topLevelDynamicImport(program: Program): Position | undefined {
  const open: unknown[] = [program];
  while (open.length > 0) {
    const node = open.pop();
    if (typeof node !== 'object' || node === null) continue;
    if (Array.isArray(node)) {
      for (const item of node) open.push(item);
      continue;
    }
    if (!('type' in node) || typeof node.type !== 'string' || functions.has(node.type)) continue;
    if (node.type === 'ImportExpression') return (node as AnyNode).loc?.start;
    for (const value of Object.values(node)) if (typeof value === 'object') open.push(value);
  }
  return undefined;
}
