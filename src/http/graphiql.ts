import type { ServerResponse } from 'node:http';

const exampleQuery = `# Put your key into the headers below: { "authorization": "Bearer rk_…" }
query Apps {
  viewer { name role organization { name } }
  apps(first: 20, orderBy: { field: NAME }) {
    edges {
      node {
        name
        adamId
        status
        deviceAssignable
        licenses { total available used pending asOf }
      }
    }
    pageInfo { hasNextPage endCursor }
  }
}
`;

let page: string | undefined;

/** Answers with GraphiQL. The page brings everything along, so it works without a network; it is large and made once. */
export async function respondGraphiQL(response: ServerResponse): Promise<void> {
  page ??= await render();
  response.writeHead(200, { 'content-type': 'text/html; charset=utf-8', 'content-length': Buffer.byteLength(page) });
  response.end(page);
}

async function render(): Promise<string> {
  const { renderGraphiQL } = await import('@graphql-yoga/render-graphiql');
  return renderGraphiQL({
    title: 'Russet',
    endpoint: '/graphql',
    method: 'POST',
    subscriptionsProtocol: 'SSE',
    defaultQuery: exampleQuery,
    headers: JSON.stringify({ authorization: 'Bearer ' }, null, 2),
    isHeadersEditorEnabled: true,
    shouldPersistHeaders: false,
    defaultEditorToolsVisibility: 'headers',
  });
}
