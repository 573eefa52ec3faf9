// An OpenID Connect provider on loopback: `node provider.mjs PORT KEYS.json`, beside its packages.
// It issues access tokens to clients, signed or opaque by the client's name, and forgets all
// opaque ones when it ends.
import { readFileSync } from 'node:fs';
import { Provider } from 'oidc-provider';

const [port, keys] = process.argv.slice(2);
const client = (client_id, grant_types) => ({
  client_id, client_secret: 'secret', grant_types, redirect_uris: [], response_types: [],
});
const provider = new Provider(`http://127.0.0.1:${port}`, {
  jwks: JSON.parse(readFileSync(keys)),
  clients: [
    client('signed', ['client_credentials']),
    client('opaque', ['client_credentials']),
    client('service', []),
  ],
  scopes: ['items:read', 'items:write'],
  ttl: { ClientCredentials: () => 600 },
  features: {
    clientCredentials: { enabled: true },
    devInteractions: { enabled: false },
    introspection: {
      enabled: true,
      allowedPolicy: (context, introspecting) => introspecting.clientId === 'service',
    },
    revocation: { enabled: true },
    resourceIndicators: {
      enabled: true,
      defaultResource: () => 'https://api.example',
      getResourceServerInfo: (context, resource, asking) => ({
        scope: 'items:read items:write',
        audience: resource,
        accessTokenFormat: asking.clientId === 'opaque' ? 'opaque' : 'jwt',
        jwt: { sign: { alg: 'RS256' } },
      }),
    },
  },
});
provider.listen(Number(port), '127.0.0.1', () => console.log('It listens.'));
