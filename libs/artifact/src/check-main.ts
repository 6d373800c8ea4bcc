import { parseCapability, Problem } from '@proxylet/contract';
import { type AnyNode, getLineInfo, type Program, parse } from 'acorn';
import { show } from './refusal.js';
import { lookAt, type MainWarning } from './static-look.js';

/**
 * Checks that a text is the one bundled ES module an engine can run: it parses, has a handler as its default export,
 * and needs no other module to start. Costs time by the square of what a hostile author sends; `MainChecker` bounds
 * it.
 *
 * @param capabilities those the manifest asks for
 * @returns what it uses that the sandbox lacks: it may still run
 * @throws Problem `main-invalid` with line:column, both from 1
 */
export function checkMain(
  source: string,
  path: string,
  capabilities: readonly string[] = [],
): readonly MainWarning[] {
  const program = parseModule(source, path);
  const at = (offset: number) => getLineInfo(source, offset);
  for (const statement of program.body) assertNoImport(statement, path, at);
  const exported = program.body.map(defaultOf).find((found) => found !== undefined);
  if (exported === undefined) {
    throw new Problem(
      'main-invalid',
      `The main module ${show(path)} has no default export: write \`export default { async fetch(request, env, ctx) { … } }\`.`,
    );
  }
  assertHandler(exported, path, at);
  const { startImport, nodeImport, warnings } = lookAt(
    program,
    source,
    capabilities.some((want) => parseCapability(want).name === 'wasm'),
  );
  if (startImport !== undefined)
    throw mainInvalid(path, at(startImport), 'imports a module while it starts; bundle it in');
  if (nodeImport !== undefined) {
    throw mainInvalid(
      path,
      at(nodeImport.at),
      `imports ${show(nodeImport.name)}, which the sandbox does not have`,
    );
  }
  return warnings;
}

function parseModule(source: string, path: string): Program {
  try {
    return parse(source, { ecmaVersion: 'latest', sourceType: 'module' });
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
type PositionOf = (offset: number) => Position;

/** `why` completes the sentence "The main module … <why>." */
function mainInvalid(path: string, at: Position | undefined, why: string): Problem {
  const where = at === undefined ? '' : `:${at.line}:${at.column + 1}`;
  return new Problem('main-invalid', `The main module ${show(path)} ${why.slice(0, 200)} (${path}${where}).`);
}

function assertNoImport(statement: AnyNode, path: string, at: PositionOf): void {
  const isImport = statement.type === 'ImportDeclaration' || statement.type === 'ExportAllDeclaration';
  const isReexport = statement.type === 'ExportNamedDeclaration' && statement.source != null;
  if (!isImport && !isReexport) return;
  throw mainInvalid(
    path,
    at(statement.start),
    `imports ${show(String(statement.source?.value))}; main is one bundled module`,
  );
}

/** What a statement exports as default; a name stands for itself. */
function defaultOf(statement: AnyNode): AnyNode | undefined {
  if (statement.type === 'ExportDefaultDeclaration') return statement.declaration;
  if (statement.type !== 'ExportNamedDeclaration') return undefined;
  return statement.specifiers.find(({ exported }) =>
    exported.type === 'Identifier' ? exported.name === 'default' : exported.value === 'default',
  )?.local;
}

const handlers = new Set(['fetch', 'scheduled', 'message']);
const plainValues: Readonly<Partial<Record<AnyNode['type'], string>>> = {
  Literal: 'a plain value',
  TemplateLiteral: 'a text',
  ArrayExpression: 'a list',
  ArrowFunctionExpression: 'an arrow function',
};

/** Refuses what is seen to be no handler without running it; a name, a call or a spread may be one. */
function assertHandler(exported: AnyNode, path: string, positionOf: PositionOf): void {
  const plain = plainValues[exported.type];
  const wanted = 'a handler is an object with a fetch, scheduled or message method';
  if (plain !== undefined)
    throw mainInvalid(path, positionOf(exported.start), `exports ${plain} as default; ${wanted}`);
  if (exported.type !== 'ObjectExpression' || exported.properties.some(mayBeHandler)) return;
  throw mainInvalid(path, positionOf(exported.start), `has no handler in its default export; ${wanted}`);
}

function mayBeHandler(property: AnyNode): boolean {
  if (property.type !== 'Property' || property.computed) return true;
  const { key } = property;
  return handlers.has(key.type === 'Identifier' ? key.name : String(key.type === 'Literal' ? key.value : ''));
}
