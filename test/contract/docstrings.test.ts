// Every public name has a docstring, and so has every member of it. `npm run docs` asks for the same and takes half a minute;
// this reads the sources only, and says in a second where one is missing; and where one of what can reject says no error.
import { readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';

const root = join(import.meta.dirname, '../..');
const { entryPoints } = JSON.parse(readFileSync(join(root, 'typedoc.json'), 'utf8')) as {
  entryPoints: string[];
};

const parsed = new Map<string, ts.SourceFile>();

function sourceOf(file: string): ts.SourceFile {
  let source = parsed.get(file);
  if (!source) {
    source = ts.createSourceFile(file, readFileSync(file, 'utf8'), ts.ScriptTarget.ESNext, true);
    parsed.set(file, source);
  }
  return source;
}

const fileOf = (from: string, specifier: string) => join(dirname(from), specifier);

/** All that a module exports, each name with its declarations, wherever they are. */
function exportsOf(file: string): Map<string, ts.Node[]> {
  const found = new Map<string, ts.Node[]>();
  for (const statement of sourceOf(file).statements) {
    if (ts.isExportDeclaration(statement)) {
      const { moduleSpecifier: from, exportClause } = statement;
      // A module under one name: what is in it is asked for where it is an entry itself.
      if (exportClause && ts.isNamespaceExport(exportClause)) {
        found.set(exportClause.name.text, [statement]);
        continue;
      }
      const names = exportClause && ts.isNamedExports(exportClause) ? exportClause.elements : undefined;
      const there = from ? fileOf(file, (from as ts.StringLiteral).text) : file;
      if (!names) for (const [name, nodes] of exportsOf(there)) found.set(name, nodes);
      for (const { name, propertyName } of names ?? [])
        found.set(name.text, declarationsOf(there, (propertyName ?? name).text));
    }
  }
  for (const name of declaredIn(file)) found.set(name, declarationsOf(file, name));
  return found;
}

function isExported(node: ts.Node): boolean {
  return (
    ts.canHaveModifiers(node) &&
    !!ts.getModifiers(node)?.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword)
  );
}

/** What is declared in a file and exported there. */
function declaredIn(file: string): string[] {
  return sourceOf(file).statements.filter(isExported).flatMap(namesOf);
}

function namesOf(statement: ts.Node): string[] {
  if (ts.isVariableStatement(statement))
    return statement.declarationList.declarations.flatMap(({ name }) =>
      ts.isObjectBindingPattern(name)
        ? name.elements.map((element) => element.name.getText())
        : name.getText(),
    );
  const { name } = statement as ts.DeclarationStatement;
  return name ? [name.getText()] : [];
}

/** Follows re-exports and imports to where the name is declared; packages are not ours. */
function declarationsOf(file: string, name: string): ts.Node[] {
  const { statements } = sourceOf(file);
  const here = statements.filter(
    (statement) => !ts.isImportDeclaration(statement) && namesOf(statement).includes(name),
  );
  if (here.length > 0) return here;
  for (const statement of statements) {
    if (!ts.isImportDeclaration(statement)) continue;
    const { importClause, moduleSpecifier } = statement;
    const bindings = importClause?.namedBindings;
    const from = (moduleSpecifier as ts.StringLiteral).text;
    if (!bindings || !ts.isNamedImports(bindings) || !from.startsWith('.')) continue;
    const element = bindings.elements.find((element) => element.name.text === name);
    if (element) return declarationsOf(fileOf(file, from), (element.propertyName ?? element.name).text);
  }
  return exportsOf(file).get(name) ?? [];
}

/** What a class of ours extends, if that is ours, too. */
function basesOf(node: ts.Node): ts.Node[] {
  if (!ts.isClassDeclaration(node)) return [];
  const file = node.getSourceFile().fileName;
  const names = node.heritageClauses?.flatMap(({ types }) => types.map((type) => type.expression.getText()));
  return (names ?? []).flatMap((name) => declarationsOf(file, name));
}

const textOf = (node: ts.Node) =>
  ts
    .getJSDocCommentsAndTags(node)
    .map((part) => part.getText().replace(/\s*\n\s*\*?\s*/g, ' '))
    .join('');

/** Without one are: what is private or internal, what overrides, and what is explained with its getter or its first overload. */
function isExempt(member: ts.Node): boolean {
  if (textOf(member).includes('@internal') || ts.isSetAccessor(member) || ts.isSemicolonClassElement(member))
    return true;
  if (ts.isClassStaticBlockDeclaration(member) || ts.isIndexSignatureDeclaration(member)) return true;
  const { name } = member as ts.ClassElement;
  if (name && (ts.isPrivateIdentifier(name) || ts.isComputedPropertyName(name))) return true;
  const modifiers = ts.canHaveModifiers(member) ? (ts.getModifiers(member) ?? []) : [];
  return modifiers.some(
    ({ kind }) => kind === ts.SyntaxKind.PrivateKeyword || kind === ts.SyntaxKind.OverrideKeyword,
  );
}

/** The members of a declaration that say nothing of themselves, as `Name.member`. */
function silentIn(name: string, node: ts.Node): string[] {
  const silent: string[] = [];
  const explained = new Set<string>();
  const look = (place: string, member: ts.Node) => {
    if (isExempt(member)) return;
    const own = (member as ts.ClassElement).name?.getText() ?? 'constructor';
    const path = `${place}.${own}`;
    if (textOf(member) !== '') explained.add(path);
    else if (!explained.has(path)) silent.push(path);
    const { type } = member as ts.PropertySignature;
    if (ts.isPropertySignature(member) && type) inside(path, type);
  };
  const inside = (place: string, type: ts.Node): void => {
    if (ts.isTypeLiteralNode(type)) for (const member of type.members) look(place, member);
    if (ts.isUnionTypeNode(type) || ts.isIntersectionTypeNode(type))
      for (const part of type.types) {
        explained.clear();
        inside(place, part);
      }
    if (ts.isArrayTypeNode(type)) inside(place, type.elementType);
  };
  if (ts.isInterfaceDeclaration(node) || ts.isClassDeclaration(node))
    for (const member of node.members) look(name, member);
  if (ts.isTypeAliasDeclaration(node)) inside(name, node.type);
  return silent;
}

/** A failure by its name, or that there is none: what a docstring owes to whoever awaits. */
const FAILURE = /\bERR_[A-Z]|\w*Error\b|\bnever (?:rejects|fails|throws)|\bRejects as /i;
const ASYNC = /^(?:Promise|AsyncGenerator|AsyncIterable|AsyncIterableIterator)</;

/** Whether it gives a promise, or results that are waited for, now or when it is called. */
function isAwaited(node: ts.Node): boolean {
  const { type, initializer } = node as ts.PropertyDeclaration;
  if (type) return ASYNC.test((ts.isFunctionTypeNode(type) ? type.type : type).getText());
  return !!initializer && ts.isArrowFunction(initializer) && ASYNC.test(initializer.type?.getText() ?? '');
}

/** Which of a declaration and its members can reject, and do not say with what, as `Name.member`. */
function recklessIn(name: string, node: ts.Node): string[] {
  const reckless: string[] = [];
  const told = new Set<string>();
  const look = (path: string, each: ts.Node) => {
    if (!isAwaited(each)) return;
    if (FAILURE.test(textOf(each))) told.add(path);
    else if (!told.has(path)) reckless.push(path);
  };
  if (ts.isFunctionDeclaration(node)) look(name, node);
  if (ts.isInterfaceDeclaration(node) || ts.isClassDeclaration(node))
    for (const member of node.members)
      if (!isExempt(member)) look(`${name}.${member.name?.getText()}`, member);
  return reckless;
}

describe.each(entryPoints)('%s', (entry) => {
  const all = [...exportsOf(join(root, entry))].map(
    ([name, nodes]) => [name, [...nodes, ...nodes.flatMap(basesOf)]] as const,
  );

  it('exports names that are declared somewhere', () => {
    expect(all.length).toBeGreaterThan(0);
    const lost = all.filter(([, nodes]) => nodes.length === 0).map(([name]) => name);
    expect(lost).toEqual([]);
  });

  it('says of each what it is, and of each of its members', () => {
    const silent = all.flatMap(([name, nodes]) => [
      ...(nodes.some((node) => textOf(node) !== '') ? [] : [name]),
      ...nodes.flatMap((node) => silentIn(name, node)),
    ]);
    expect(silent, relative(root, entry)).toEqual([]);
  });

  it('says of whatever can reject with what, or that it never does', () => {
    const reckless = all.flatMap(([name, nodes]) => {
      const told = nodes.some((node) => ts.isFunctionDeclaration(node) && FAILURE.test(textOf(node)));
      return told ? [] : nodes.flatMap((node) => recklessIn(name, node));
    });
    expect([...new Set(reckless)], relative(root, entry)).toEqual([]);
  });
});

it('finds what says nothing of its failures', () => {
  const text = `
    /** Rejects with ERR_X. */
    export function a(): Promise<void>;
    export function a(b?: number): Promise<void> {}
    /** Does it. */
    export async function c(): Promise<void> {}
    /** At once. */
    export function d(): void {}
    /** She. */
    export class She {
      /** Never rejects. */
      get e(): Promise<void> {}
      /** Some. */
      async *f(): AsyncGenerator<number> {}
      /** Some. */
      readonly g: (h: number) => Promise<void>;
      #i(): Promise<void> {}
    }
  `;
  const source = ts.createSourceFile('it.ts', text, ts.ScriptTarget.ESNext, true);
  const reckless = source.statements.flatMap((statement) => recklessIn(namesOf(statement)[0]!, statement));
  expect(reckless).toEqual(['a', 'c', 'She.f', 'She.g']);
});

it('finds what is missing', () => {
  const text = `
    /** It. */
    export interface It {
      /** A. */
      a: number;
      b: string;
      /** C. */
      c: { d: number }[];
      [e: string]: unknown;
    }
    /** She. */
    export class She {
      #e = 1;
      /** F. */
      f(): void {}
      f(x?: number): void {}
      get g(): number { return 1; }
      set g(_: number) {}
      /** @internal */
      h = 1;
      override i = 1;
      constructor(j: number) {}
    }
    /** They. */
    export type They = { k: 1 } | {
      /** K. */
      k: 2;
    };
  `;
  const source = ts.createSourceFile('it.ts', text, ts.ScriptTarget.ESNext, true);
  const silent = source.statements.flatMap((statement) => silentIn(namesOf(statement)[0]!, statement));
  expect(silent).toEqual(['It.b', 'It.c.d', 'She.g', 'She.constructor', 'They.k']);
});
