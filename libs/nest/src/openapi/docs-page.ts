import { createHash } from 'node:crypto';
import type { OpenApiDocument } from './document.js';

type Json = Record<string, unknown>;

const style = `
:root{color-scheme:light dark;font:16px/1.5 system-ui,sans-serif}
body{max-width:60rem;margin:2rem auto;padding:0 1rem}
details{border:1px solid #8886;border-radius:6px;margin:.5rem 0;padding:.5rem .8rem}
summary{cursor:pointer}code,pre{font:14px/1.4 ui-monospace,monospace}
pre{overflow:auto;background:#8881;padding:.6rem;border-radius:6px}
.m{display:inline-block;min-width:4.5rem;font-weight:700}th{text-align:left;vertical-align:top;padding-right:1rem}`;

/** The page carries no script and loads nothing: its one style sheet is named by its digest. */
export const docsPagePolicy = `default-src 'none'; style-src 'sha256-${createHash('sha256').update(style).digest('base64')}'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'`;

/** The API description as a page to read. */
export function docsPage(document: OpenApiDocument): string {
  const title = escape(`${String(document.info['title'])} ${String(document.info['version'])}`);
  const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
  );
  const byTag = Map.groupBy(operations, ({ operation }) => String((operation['tags'] as string[])[0]));
  const sections = [...byTag].map(
    ([tag, list]) => `<h2>${escape(tag)}</h2>${list.map((one) => block(one)).join('')}`,
  );
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>${title}</title><style>${style}</style></head><body><h1>${title}</h1>
<p>For machines: <a href="openapi.json">openapi.json</a> (OpenAPI 3.1). Errors are RFC 9457 problems with a stable <code>code</code>.</p>
${sections.join('\n')}</body></html>`;
}

function block({ path, method, operation }: { path: string; method: string; operation: Json }): string {
  const parts = [
    typeof operation['description'] === 'string' ? `<p>${escape(operation['description'])}</p>` : '',
    `<p>Access: ${access(operation['security'] as Json[])}</p>`,
    parameterTable(operation['parameters'] as Json[] | undefined),
    json('Body', (operation['requestBody'] as Json | undefined)?.['content']),
    answers(operation['responses'] as Record<string, Json>),
  ];
  return `<details><summary><span class="m">${method.toUpperCase()}</span><code>${escape(path)}</code> ${escape(String(operation['summary']))}</summary>${parts.join('')}</details>`;
}

function access(security: readonly Json[]): string {
  if (security.length === 0) return 'public';
  const lists = security.flatMap(({ token }) => (Array.isArray(token) ? [token as string[]] : []));
  const scopes = lists.map((all) => all.map((scope) => `<code>${escape(scope)}</code>`).join(' and '));
  // An empty requirement beside the others: the service may be set up to ask for no token here.
  const isOptional = lists.length < security.length;
  return `token with ${scopes.join(' or ')}${isOptional ? ', or none where that is admitted' : ''}`;
}

function parameterTable(parameters: readonly Json[] = []): string {
  if (parameters.length === 0) return '';
  const rows = parameters.map(
    (one) =>
      `<tr><th><code>${escape(String(one['name']))}</code></th><td>${escape(String(one['in']))}${one['required'] === true ? ', required' : ''}</td><td><code>${escape(JSON.stringify(one['schema']))}</code></td></tr>`,
  );
  return `<h4>Parameters</h4><table>${rows.join('')}</table>`;
}

function answers(responses: Record<string, Json>): string {
  return Object.entries(responses)
    .map(([status, { description, content }]) => {
      const isProblem = Number(status) >= 400;
      return `<h4>${status}</h4><p>${escape(String(description))}</p>${isProblem ? '' : json('', content)}`;
    })
    .join('');
}

function json(title: string, content: unknown): string {
  if (content === undefined) return '';
  const head = title === '' ? '' : `<h4>${title}</h4>`;
  return `${head}<pre>${escape(JSON.stringify(content, null, 2))}</pre>`;
}

function escape(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
}
