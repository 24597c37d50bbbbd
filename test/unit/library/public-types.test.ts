/** Every type that a public signature mentions can be imported: from one of the entry points. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { test } from 'node:test';
import ts from 'typescript';
import { projectRoot } from '../../support/project.js';

interface Manifest {
  readonly exports: Readonly<Record<string, { readonly types: string } | string>>;
}

const { exports } = JSON.parse(readFileSync(join(projectRoot, 'package.json'), 'utf8')) as Manifest;
/** Declaration files by entry point. */
const ENTRIES = new Map(
  Object.entries(exports).flatMap(([name, target]) =>
    typeof target === 'string' ? [] : [[name, join(projectRoot, target.types)] as const],
  ),
);

const program = ts.createProgram([...ENTRIES.values()], {
  target: ts.ScriptTarget.ES2022,
  module: ts.ModuleKind.NodeNext,
  moduleResolution: ts.ModuleResolutionKind.NodeNext,
  skipLibCheck: true,
  types: ['node'],
});
const checker = program.getTypeChecker();

function resolved(symbol: ts.Symbol): ts.Symbol {
  return (symbol.flags & ts.SymbolFlags.Alias) === 0 ? symbol : checker.getAliasedSymbol(symbol);
}

function exportsOf(path: string): readonly ts.Symbol[] {
  const source = program.getSourceFile(path);
  assert.ok(source !== undefined, `${path} is not built`);
  const module = checker.getSymbolAtLocation(source);
  assert.ok(module !== undefined, `${path} exports nothing`);
  return checker.getExportsOfModule(module).map(resolved);
}

/** The named types of this project that a declaration mentions. */
function mentionedIn(declaration: ts.Declaration): readonly ts.Symbol[] {
  const found: ts.Symbol[] = [];
  const visit = (node: ts.Node): void => {
    // Private members are not part of the signature.
    if (
      ts.canHaveModifiers(node) &&
      node.modifiers?.some(({ kind }) => kind === ts.SyntaxKind.PrivateKeyword)
    )
      return;
    const name = ts.isTypeReferenceNode(node)
      ? node.typeName
      : ts.isExpressionWithTypeArguments(node)
        ? node.expression
        : ts.isTypeQueryNode(node)
          ? node.exprName
          : ts.isImportTypeNode(node)
            ? node.qualifier
            : undefined;
    const symbol = name === undefined ? undefined : checker.getSymbolAtLocation(name);
    if (symbol !== undefined) found.push(resolved(symbol));
    ts.forEachChild(node, visit);
  };
  visit(declaration);
  return found;
}

function isOurs(symbol: ts.Symbol): boolean {
  return (symbol.declarations ?? []).some(
    (declaration) =>
      !ts.isTypeParameterDeclaration(declaration) &&
      !relative(join(projectRoot, 'dist', 'src'), declaration.getSourceFile().fileName).startsWith('..'),
  );
}

test('every type of a public signature is exported', () => {
  const missing = new Set<string>();
  const reachable = new Set([...ENTRIES.values()].flatMap(exportsOf));
  for (const [entry, path] of ENTRIES) {
    for (const symbol of exportsOf(path)) {
      for (const declaration of symbol.declarations ?? []) {
        for (const mentioned of mentionedIn(declaration)) {
          if (isOurs(mentioned) && !reachable.has(mentioned))
            missing.add(`${entry}: ${symbol.name} mentions ${mentioned.name}`);
        }
      }
    }
  }
  assert.deepEqual([...missing].sort(), []);
});
