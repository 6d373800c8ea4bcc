import { applyDecorators, HttpCode, RequestMapping, RequestMethod, SetMetadata } from '@nestjs/common';
import type { ProblemCode } from '@proxylet/contract';
import type { z } from 'zod';
import { ACCESS, type Access, publicAccess, type ScopeRequirement } from '../auth/access.js';

const methods = {
  GET: RequestMethod.GET,
  HEAD: RequestMethod.HEAD,
  POST: RequestMethod.POST,
  PUT: RequestMethod.PUT,
  PATCH: RequestMethod.PATCH,
  DELETE: RequestMethod.DELETE,
} as const;
type Method = keyof typeof methods;

/** An answer that is no JSON, for the description only. */
export interface RawAnswer {
  readonly contentType: string;
  readonly description: string;
}

interface EndpointParts {
  /** One phrase: the title of the operation in the API description. */
  readonly summary: string;
  readonly description?: string;
  readonly tag?: string;
  readonly params?: z.ZodObject;
  /** Without it any query parameter is refused. */
  readonly query?: z.ZodObject;
  /**
   * `stream`: the bytes of `application/gzip` or `application/octet-stream`; `multipart`: those of
   * `multipart/form-data`. Neither is buffered. Without it no body is taken.
   */
  readonly body?: z.ZodType | 'stream' | 'multipart';
  /** What JSON a route takes in place of the stream. */
  readonly orJson?: z.ZodType;
  readonly response?: z.ZodType | RawAnswer;
  /** Status of the normal answer; 200 by default. */
  readonly status?: number;
  /** Further normal answers, for the description. */
  readonly answers?: Readonly<Record<number, string>>;
  /** Codes the operation's own logic answers with; those of access and validation are added. */
  readonly errors?: readonly ProblemCode[];
}

/** Everything a route says of itself; one of `public` and `scopes` is a must. */
export type EndpointSpec = EndpointParts &
  (
    | { readonly public: true; readonly scopes?: never; readonly anonymous?: never }
    | {
        readonly scopes: ScopeRequirement;
        readonly public?: never;
        /** Also without a token, where the service is set to admit that (`ExtraAccess`). */
        readonly anonymous?: true;
      }
  );

export const ENDPOINT = 'proxylet:endpoint';

/**
 * A route in one decorator: its address, who may call it, what it takes (checked strictly before the handler runs)
 * and its entry in the API description.
 *
 * @param route method and path below the controller's: `GET :ns/:name`
 */
export function Endpoint(route: `${Method} ${string}` | Method, spec: EndpointSpec): MethodDecorator {
  const [method, path = ''] = route.split(' ') as [Method, string | undefined];
  const access: Access =
    spec.public === true
      ? publicAccess
      : { kind: 'scopes', scopes: spec.scopes, anonymous: spec.anonymous === true };
  return applyDecorators(
    RequestMapping({ path, method: methods[method] }),
    HttpCode(spec.status ?? 200),
    SetMetadata(ACCESS, access),
    SetMetadata(ENDPOINT, spec),
  );
}
