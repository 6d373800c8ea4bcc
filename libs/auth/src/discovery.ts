import { z } from 'zod';
import { type Fetch, FetchFailed, fetchJson } from './fetch-json.js';
import { isSecureUrl } from './secure-url.js';

const address = z.string().refine(isSecureUrl);
const metadataSchema = z.object({
  issuer: z.string(),
  jwks_uri: address.optional(),
  token_endpoint: address.optional(),
  introspection_endpoint: address.optional(),
});
export type IssuerMetadata = z.output<typeof metadataSchema>;

/**
 * Metadata of a configured issuer (OpenID Connect Discovery). The document must name exactly that issuer.
 *
 * @throws FetchFailed
 */
export async function discover(
  fetch: Fetch,
  issuer: string,
  { discovery, signal }: { discovery?: string | undefined; signal?: AbortSignal } = {},
): Promise<IssuerMetadata> {
  const url = discovery ?? `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`;
  const parsed = metadataSchema.safeParse(
    await fetchJson(fetch, url, signal === undefined ? {} : { signal }),
  );
  if (!parsed.success) throw new FetchFailed(`${url} is not a metadata document with secure addresses`);
  if (parsed.data.issuer !== issuer) throw new FetchFailed(`${url} names another issuer than ${issuer}`);
  return parsed.data;
}
