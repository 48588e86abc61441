// An authorization server, and an API that asks it about tokens: oidc-provider on a free loopback port.
//
//   node server.mjs NODE_MODULES
//
// Prints its port when it is ready, and ends with its standard input. Clients act for themselves
// (service, poster, brief) or for a person (app), who has authorized it already: POST /authorized answers with a refresh
// token that lasts ?seconds=N.
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

const installed = createRequire(`${process.argv[2]}/`).resolve('oidc-provider');
const { default: Provider } = await import(pathToFileURL(installed));

const service = { scope: 'data:write', redirect_uris: [], response_types: [], grant_types: ['client_credentials'] };
const clients = [
  { ...service, client_id: 'service', client_secret: 'p+q:= &"-._*%20~' },
  { ...service, client_id: 'poster', client_secret: 's3cret', token_endpoint_auth_method: 'client_secret_post' },
  { ...service, client_id: 'brief', client_secret: 's3cret' },
  {
    client_id: 'app',
    client_secret: 's3cret',
    redirect_uris: ['https://app.test/callback'],
    response_types: ['code'],
    grant_types: ['authorization_code', 'refresh_token'],
  },
];

const provider = new Provider('http://127.0.0.1', {
  clients,
  scopes: ['openid', 'offline_access', 'data:write'],
  features: {
    clientCredentials: { enabled: true },
    revocation: { enabled: true },
    devInteractions: { enabled: false },
  },
  findAccount: (_, accountId) => ({ accountId, claims: () => ({ sub: accountId }) }),
  rotateRefreshToken: true,
  // The brief client's tokens can be kept for one second, which leaves 30.
  ttl: { AccessToken: 3600, ClientCredentials: (_, token, client) => (client.clientId === 'brief' ? 31 : 3600) },
});

async function authorized(seconds) {
  const client = await provider.Client.find('app');
  const grant = new provider.Grant({ accountId: 'ada', clientId: client.clientId });
  grant.addOIDCScope('openid offline_access');
  const grantId = await grant.save();
  const token = new provider.RefreshToken({
    accountId: 'ada', client, grantId, gty: 'authorization_code', scope: 'openid offline_access', expiresIn: seconds,
  });
  return token.save();
}

async function api(request) {
  const [, value] = /^Bearer (.+)$/.exec(request.headers.authorization ?? '') ?? [];
  const token = value && (await provider.ClientCredentials.find(value) ?? await provider.AccessToken.find(value));
  return token?.isValid
    ? [200, { client: token.clientId, for: token.accountId, scope: token.scope }]
    : [401, { error: 'invalid_token' }];
}

const server = createServer(async (request, response) => {
  const url = new URL(request.url, 'http://127.0.0.1');
  const answer = (status, body) => response.writeHead(status, { 'Content-Type': 'application/json' }).end(body);
  if (url.pathname === '/authorized') return answer(200, await authorized(Number(url.searchParams.get('seconds'))));
  if (url.pathname !== '/data') return provider.callback()(request, response);
  const [status, body] = await api(request);
  return answer(status, JSON.stringify(body));
});
server.listen(0, '127.0.0.1', () => console.log(`ready on ${server.address().port}`));
process.stdin.resume().on('end', () => process.exit());
