import { join, resolve } from 'node:path';
import ts from 'typescript';

const ROOT = resolve(__dirname, '../..');
/** A file that exists only in memory. */
const FILE = join(__dirname, 'program.ts');

/** What an editor shows to a user who writes a program with this library. */
export class Editor {
  #text = '';
  #version = 0;
  readonly #service: ts.LanguageService;

  constructor() {
    const { config } = ts.readConfigFile(join(ROOT, 'tsconfig.json'), (path) => ts.sys.readFile(path)) as {
      config: unknown;
    };
    const { options } = ts.parseJsonConfigFileContent(config, ts.sys, ROOT);
    const read = (path: string): string | undefined => (path === FILE ? this.#text : ts.sys.readFile(path));
    this.#service = ts.createLanguageService({
      getCompilationSettings: () => options,
      getCurrentDirectory: () => ROOT,
      getDefaultLibFileName: (settings) => ts.getDefaultLibFilePath(settings),
      getScriptFileNames: () => [FILE],
      getScriptVersion: (path) => (path === FILE ? String(this.#version) : ''),
      getScriptSnapshot: (path) => {
        const text = read(path);
        return text === undefined ? undefined : ts.ScriptSnapshot.fromString(text);
      },
      fileExists: (path) => path === FILE || ts.sys.fileExists(path),
      readFile: read,
    });
  }

  /** The compiler's errors. */
  complaints(program: string): string[] {
    this.#open(program);
    return this.#service
      .getSemanticDiagnostics(FILE)
      .map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, '\n'));
  }

  /** The suggestions at the mark `¦`. */
  suggestions(program: string): string[] {
    this.#open(program.replace('¦', ''));
    const { entries = [] } = this.#service.getCompletionsAtPosition(FILE, program.indexOf('¦'), {}) ?? {};
    return entries.map(({ name }) => name);
  }

  /** The type shown for the name before the mark `¦`. */
  hint(program: string): string {
    this.#open(program.replace('¦', ''));
    const { displayParts } = this.#service.getQuickInfoAtPosition(FILE, program.indexOf('¦') - 1) ?? {};
    return ts.displayPartsToString(displayParts);
  }

  #open(text: string): void {
    this.#text = text;
    this.#version++;
  }
}
