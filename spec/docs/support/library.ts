import { join } from 'node:path';
import ts from 'typescript';
import { ROOT } from './pages';

/** A type-checked program of the library, and of files that exist only in memory. */
export class Library {
  readonly #program: ts.Program;
  readonly #checker: ts.TypeChecker;

  /** @param files source texts by name. They are in this folder, and import the package by its name. */
  constructor(files: Readonly<Record<string, string>> = {}) {
    this.#program = createProgram(
      Object.fromEntries(Object.entries(files).map(([name, code]) => [join(__dirname, name), code])),
    );
    this.#checker = this.#program.getTypeChecker();
  }

  /** The compiler's errors in a file in memory. */
  diagnose(name: string): string[] {
    const file = this.#program.getSourceFile(join(__dirname, name));
    return [...this.#program.getSyntacticDiagnostics(file), ...this.#program.getSemanticDiagnostics(file)].map(
      ({ messageText }) => ts.flattenDiagnosticMessageText(messageText, '\n'),
    );
  }

  /** The functions that a folder of lib/ exports through the package. */
  functionsOf(folder: string): string[] {
    return this.#exports()
      .filter((one) => one.flags & ts.SymbolFlags.Function && fileOf(one).startsWith(join(ROOT, 'lib', folder)))
      .map(({ name }) => name);
  }

  /** The public members of an exported class or interface, in the order of their declaration. */
  membersOf(name: string): string[] {
    return this.#propertiesOf(name).map((one) => one.name);
  }

  /** The values of `kind` in an exported class. */
  kindsOf(name: string): string[] {
    const kind = this.#propertiesOf(name).find((one) => one.name === 'kind');
    if (!kind) return [];
    const type = this.#checker.getTypeOfSymbol(kind);
    return (type.isUnion() ? type.types : [type]).flatMap((one) => (one.isStringLiteral() ? [one.value] : []));
  }

  /** The exported types that have a `kind`: messages, and values that operators create from them. */
  typesWithKind(): string[] {
    return this.#exports()
      .filter((one) => one.flags & (ts.SymbolFlags.Class | ts.SymbolFlags.Interface))
      .map(({ name }) => name)
      .filter((name) => this.kindsOf(name).length > 0);
  }

  #exports(): ts.Symbol[] {
    const index = this.#program.getSourceFile(join(ROOT, 'lib/index.ts'));
    const module = index && this.#checker.getSymbolAtLocation(index);
    if (!module) throw new Error('lib/index.ts is no module.');
    return this.#checker
      .getExportsOfModule(module)
      .map((one) => (one.flags & ts.SymbolFlags.Alias ? this.#checker.getAliasedSymbol(one) : one));
  }

  #propertiesOf(name: string): ts.Symbol[] {
    const exported = this.#exports().find((one) => one.name === name);
    if (!exported) throw new Error(`The package exports no ${name}.`);
    return this.#checker.getDeclaredTypeOfSymbol(exported).getProperties().filter(isPublic);
  }
}

/** Not private, not named by a symbol, not `@internal`. */
function isPublic(symbol: ts.Symbol): boolean {
  const isInternal = symbol.getJsDocTags().some(({ name }) => name === 'internal');
  return !/^(?:#|__)/.test(symbol.name) && !isInternal;
}

function fileOf(symbol: ts.Symbol): string {
  return symbol.declarations?.[0]?.getSourceFile().fileName ?? '';
}

function createProgram(paths: Readonly<Record<string, string>>): ts.Program {
  const { config } = ts.readConfigFile(join(ROOT, 'tsconfig.json'), (path) => ts.sys.readFile(path)) as {
    config: unknown;
  };
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, ROOT);
  const disk = ts.createCompilerHost(options);
  const host: ts.CompilerHost = {
    ...disk,
    fileExists: (path) => path in paths || disk.fileExists(path),
    readFile: (path) => paths[path] ?? disk.readFile(path),
    getSourceFile: (path, languageVersion, ...more) => {
      const code = paths[path];
      return code === undefined
        ? disk.getSourceFile(path, languageVersion, ...more)
        : ts.createSourceFile(path, code, languageVersion);
    },
  };
  return ts.createProgram([join(ROOT, 'lib/index.ts'), ...Object.keys(paths)], options, host);
}
