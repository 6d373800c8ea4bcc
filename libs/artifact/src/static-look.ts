import { type AnyNode, getLineInfo, type Program } from 'acorn';

/** Something in a module that parses and may still not work in the sandbox. */
export interface MainWarning {
  readonly rule: 'missing-api' | 'dynamic-import';
  /** A sentence. */
  readonly detail: string;
  /** Both from 1. */
  readonly line: number;
  readonly column: number;
}

/** What a walk through a module found; nothing of it was run. */
export interface StaticLook {
  /** Offset of an `import()` that is reached while the module starts. */
  readonly startImport: number | undefined;
  /** An `import()` of one of Node's own modules, wherever. */
  readonly nodeImport: { readonly at: number; readonly name: string } | undefined;
  /** One for each thing that is missing, where it is used first; at most 20. */
  readonly warnings: readonly MainWarning[];
}

const maxWarnings = 20;
const ofNode = 'is of Node.js; the sandbox has web APIs only';
const ofPage = 'is of a page; there is no page in the sandbox';
const code = 'is refused in the sandbox: what runs is what was published';
const outside = 'is absent in the sandbox: its memory lies outside of the limit';
const onRequest = 'is there only for proxylets that ask for the capability `wasm`';

/** Globals the sandbox lacks, and why; `docs/handler.md` has the whole list of differences. */
const missing: ReadonlyMap<string, string> = new Map([
  ...['process', 'require', 'Buffer', 'global', '__dirname', '__filename', 'setImmediate', 'module'].map(
    (name) => [name, ofNode] as const,
  ),
  ...['window', 'document', 'localStorage', 'sessionStorage', 'indexedDB', 'alert'].map(
    (name) => [name, ofPage] as const,
  ),
  ['XMLHttpRequest', 'is absent in the sandbox; use fetch'],
  ['importScripts', 'is absent in the sandbox; bundle the script in'],
  ['Worker', 'is absent in the sandbox'],
  ['eval', code],
  ['Function', code],
  ['WebAssembly', onRequest],
  ['SharedArrayBuffer', outside],
  ['Atomics', 'is absent in the sandbox: no memory is shared'],
]);

/** Names that are plain values too; only calling them makes code of text. */
const onlyCalled = new Set(['Function']);
const globalObjects = new Set(['globalThis', 'self']);
const functions = new Set(['FunctionDeclaration', 'FunctionExpression', 'ArrowFunctionExpression']);

/** What may be found at all: a module without any of these words needs no walk. */
const anyOfThem = new RegExp(`\\b(?:${[...missing.keys(), 'import'].join('|')})\\b|\\\\u`);

/**
 * Walks with a list of its own: a long chain of operators is deeper than the stack.
 *
 * @param hasWasm whether the manifest asks for the capability `wasm`
 */
export function lookAt(program: Program, source: string, hasWasm = false): StaticLook {
  if (!anyOfThem.test(source)) return { startImport: undefined, nodeImport: undefined, warnings: [] };
  const walk = new Walk(source, hasWasm);
  walk.run(program);
  return walk.result();
}

class Walk {
  private readonly open: { readonly node: AnyNode; readonly isLate: boolean }[] = [];
  /** Whether what is being looked at runs only when something calls it. */
  private isLate = false;
  /** Where each is used first, as an offset. */
  private readonly uses = new Map<string, number>();
  private readonly declared = new Set<string>();
  private readonly guarded = new Set<string>();
  private startImport: number | undefined;
  private nodeImport: StaticLook['nodeImport'];
  private lateImport: number | undefined;

  constructor(
    private readonly source: string,
    hasWasm: boolean,
  ) {
    // There for those who ask for it.
    if (hasWasm) this.declared.add('WebAssembly');
  }

  run(program: Program): void {
    this.open.push({ node: program, isLate: false });
    for (let next = this.open.pop(); next !== undefined; next = this.open.pop()) {
      this.isLate = next.isLate || functions.has(next.node.type);
      this.visit(next.node);
    }
  }

  /** A name the module declares anywhere is its own; one it asks for with `typeof` is not taken for granted. */
  result(): StaticLook {
    const warnings = [...this.uses]
      .filter(([name]) => !this.declared.has(name) && !this.guarded.has(name))
      .map(([name, at]) => this.warning('missing-api', `${name} ${missing.get(name) ?? ''}.`, at));
    if (this.lateImport !== undefined) {
      const detail = 'import() fails in the sandbox: there is no other module.';
      warnings.push(this.warning('dynamic-import', detail, this.lateImport));
    }
    const sorted = warnings.toSorted((a, b) => a.line - b.line || a.column - b.column);
    return {
      startImport: this.startImport,
      nodeImport: this.nodeImport,
      warnings: sorted.slice(0, maxWarnings),
    };
  }

  private visit(node: AnyNode): void {
    // oxlint-disable-next-line typescript/switch-exhaustiveness-check -- all other nodes only lead to their parts
    switch (node.type) {
      case 'Identifier':
        if (!onlyCalled.has(node.name)) this.use(node.name, node);
        return;
      case 'MemberExpression':
        this.member(node);
        return;
      case 'Property':
      case 'PropertyDefinition':
      case 'MethodDefinition':
        if (node.computed) this.push(node.key);
        this.push(node.value);
        return;
      case 'UnaryExpression':
        if (node.operator === 'typeof' && node.argument.type === 'Identifier')
          this.guarded.add(node.argument.name);
        else this.push(node.argument);
        return;
      case 'CallExpression':
      case 'NewExpression':
        if (node.callee.type === 'Identifier') this.use(node.callee.name, node.callee);
        else this.push(node.callee);
        this.push(node.arguments);
        return;
      case 'ImportExpression':
        this.dynamicImport(node);
        return;
      case 'VariableDeclarator':
        this.bind(node.id);
        this.push(node.init);
        return;
      case 'CatchClause':
        this.bind(node.param);
        this.push(node.body);
        return;
      case 'FunctionDeclaration':
      case 'FunctionExpression':
      case 'ArrowFunctionExpression':
        this.bind(node.id);
        for (const param of node.params) this.bind(param);
        this.push(node.body);
        return;
      case 'ClassDeclaration':
      case 'ClassExpression':
        this.bind(node.id);
        this.push(node.superClass);
        this.push(node.body);
        return;
      case 'LabeledStatement':
        this.push(node.body);
        return;
      case 'BreakStatement':
      case 'ContinueStatement':
      case 'ImportDeclaration':
      case 'ExportAllDeclaration':
      case 'ExportSpecifier':
      case 'MetaProperty':
        return;
      default:
        for (const value of Object.values(node) as unknown[]) this.push(value);
    }
  }

  private member(node: Extract<AnyNode, { type: 'MemberExpression' }>): void {
    const { object, property } = node;
    this.push(object);
    if (node.computed) {
      this.push(property);
    } else if (object.type === 'Identifier' && globalObjects.has(object.name) && 'name' in property) {
      this.use(property.name, property);
    }
  }

  private dynamicImport(node: Extract<AnyNode, { type: 'ImportExpression' }>): void {
    const at = node.start;
    if (!this.isLate) this.startImport ??= at;
    const { source } = node;
    const name = source.type === 'Literal' && typeof source.value === 'string' ? source.value : undefined;
    if (name?.startsWith('node:') === true) this.nodeImport ??= { at, name };
    else this.lateImport ??= at;
    this.push(source);
  }

  /** Names a pattern declares; defaults and computed keys in it are code like any other. */
  private bind(pattern: AnyNode | null | undefined): void {
    const patterns = [pattern];
    while (patterns.length > 0) {
      const node = patterns.pop();
      if (node == null) continue;
      if (node.type === 'Identifier') this.declared.add(node.name);
      else if (node.type === 'ObjectPattern') patterns.push(...node.properties);
      else if (node.type === 'ArrayPattern') patterns.push(...node.elements);
      else if (node.type === 'RestElement') patterns.push(node.argument);
      else if (node.type === 'AssignmentPattern') {
        patterns.push(node.left);
        this.push(node.right);
      } else if (node.type === 'Property') {
        if (node.computed) this.push(node.key);
        patterns.push(node.value);
      }
    }
  }

  private use(name: string, node: AnyNode): void {
    const known = this.uses.get(name);
    const isEarlier = known === undefined || node.start < known;
    if (missing.has(name) && isEarlier) this.uses.set(name, node.start);
  }

  private warning(rule: MainWarning['rule'], detail: string, offset: number): MainWarning {
    const { line, column } = getLineInfo(this.source, offset);
    return { rule, detail, line, column: column + 1 };
  }

  private push(value: unknown): void {
    if (typeof value !== 'object' || value === null) return;
    if (Array.isArray(value)) for (const item of value) this.push(item);
    else if ('type' in value && typeof value.type === 'string')
      this.open.push({ node: value as AnyNode, isLate: this.isLate });
  }
}
