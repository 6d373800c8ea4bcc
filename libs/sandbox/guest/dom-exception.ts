import { defineInterface } from './webidl.js';

/** Web IDL §2.8.1: names with a legacy code, in the order of their codes from 1 on; empty where there is none left. */
const constants = [
  'INDEX_SIZE_ERR',
  'DOMSTRING_SIZE_ERR',
  'HIERARCHY_REQUEST_ERR',
  'WRONG_DOCUMENT_ERR',
  'INVALID_CHARACTER_ERR',
  'NO_DATA_ALLOWED_ERR',
  'NO_MODIFICATION_ALLOWED_ERR',
  'NOT_FOUND_ERR',
  'NOT_SUPPORTED_ERR',
  'INUSE_ATTRIBUTE_ERR',
  'INVALID_STATE_ERR',
  'SYNTAX_ERR',
  'INVALID_MODIFICATION_ERR',
  'NAMESPACE_ERR',
  'INVALID_ACCESS_ERR',
  'VALIDATION_ERR',
  'TYPE_MISMATCH_ERR',
  'SECURITY_ERR',
  'NETWORK_ERR',
  'ABORT_ERR',
  'URL_MISMATCH_ERR',
  'QUOTA_EXCEEDED_ERR',
  'TIMEOUT_ERR',
  'INVALID_NODE_TYPE_ERR',
  'DATA_CLONE_ERR',
];

const names =
  'IndexSizeError,,HierarchyRequestError,WrongDocumentError,InvalidCharacterError,,NoModificationAllowedError,NotFoundError,NotSupportedError,InUseAttributeError,InvalidStateError,SyntaxError,InvalidModificationError,NamespaceError,InvalidAccessError,,TypeMismatchError,SecurityError,NetworkError,AbortError,URLMismatchError,QuotaExceededError,TimeoutError,InvalidNodeTypeError,DataCloneError'.split(
    ',',
  );

const { captureStackTrace } = Error as unknown as { captureStackTrace: (on: object, below: unknown) => void };

/** Web IDL §2.8.1. Its constructor is not `Error`'s heir, its prototype is. */
// oxlint-disable-next-line typescript/no-unsafe-declaration-merging -- its prototype is an Error's, its constructor is not
export class DOMException {
  readonly #message: string;
  readonly #name: string;

  constructor(message: unknown = '', nameOrOptions: unknown = 'Error') {
    this.#message = String(message);
    if (typeof nameOrOptions === 'object' && nameOrOptions !== null) {
      const { name = 'Error' } = nameOrOptions as { name?: unknown };
      this.#name = String(name);
      if ('cause' in nameOrOptions) {
        Object.defineProperty(this, 'cause', {
          value: nameOrOptions.cause,
          writable: true,
          configurable: true,
          enumerable: false,
        });
      }
    } else {
      this.#name = String(nameOrOptions);
    }
    captureStackTrace(this, DOMException);
  }

  get name(): string {
    return this.#name;
  }

  get message(): string {
    return this.#message;
  }

  get code(): number {
    return this.#name === '' ? 0 : names.indexOf(this.#name) + 1;
  }
}

/** As `Error` where TypeScript asks for one. */
// oxlint-disable-next-line typescript/no-unsafe-declaration-merging -- its prototype is an Error's, its constructor is not
export interface DOMException extends Error {}

for (const [index, name] of constants.entries()) {
  for (const holder of [DOMException, DOMException.prototype]) {
    Object.defineProperty(holder, name, { value: index + 1, enumerable: true });
  }
}
Object.setPrototypeOf(DOMException.prototype, Error.prototype);
defineInterface(DOMException, 'DOMException');
