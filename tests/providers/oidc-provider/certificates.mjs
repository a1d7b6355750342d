// An OpenID Provider on loopback whose clients present certificates (RFC 8705). See README.md.
//
// OIDC_TLS has the PEM texts of the server's pair, of the authority of its clients, and of the certificate that a client
// has signed itself: {"chain":…,"key":…,"authority":…,"own":…}. Two ports serve the same provider over TLS: that of the
// issuer asks for no certificate, and that of the aliases in its metadata does.
//
// Prints one line of JSON on stdout when it is ready: {"issuer":"https://127.0.0.1:PORT"}. Exits when its standard input
// closes.

import { Console } from 'node:console';
import { X509Certificate, generateKeyPairSync, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:https';

globalThis.console = new Console(process.stderr, process.stderr);

URL.parse ??= (url, base) => {
  try {
    return new URL(url, base);
  } catch {
    return null;
  }
};

const stop = () => process.exit(0);
process.stdin.on('end', stop).on('close', stop).on('error', stop).resume();

const { default: Provider, errors } = await import('oidc-provider');

const { chain, key, authority, own } = JSON.parse(process.env.OIDC_TLS);
const RESOURCE = 'https://api.example/';

const open = createServer({ cert: chain, key });
const asking = createServer({ cert: chain, key, ca: authority, requestCert: true, rejectUnauthorized: false });
for (const server of [open, asking]) {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
}
const issuer = `https://127.0.0.1:${open.address().port}`;
const aliases = `https://127.0.0.1:${asking.address().port}`;

const certificate = new X509Certificate(own);
const service = (client_id, rest) => ({
  client_id,
  grant_types: ['client_credentials'],
  response_types: [],
  redirect_uris: [],
  tls_client_certificate_bound_access_tokens: true,
  id_token_signed_response_alg: 'ES256',
  introspection_endpoint_auth_method: rest.token_endpoint_auth_method,
  ...rest,
});

const provider = new Provider(issuer, {
  clients: [
    service('authority', {
      token_endpoint_auth_method: 'tls_client_auth',
      tls_client_auth_san_dns: 'orders.example',
    }),
    service('self-signed', {
      token_endpoint_auth_method: 'self_signed_tls_client_auth',
      jwks: {
        keys: [
          { ...certificate.publicKey.export({ format: 'jwk' }), x5c: [certificate.raw.toString('base64')] },
        ],
      },
    }),
    service('secret', { token_endpoint_auth_method: 'client_secret_basic', client_secret: 'its secret' }),
  ],
  cookies: { keys: [randomBytes(32).toString('base64url')] },
  clientAuthMethods: ['client_secret_basic', 'tls_client_auth', 'self_signed_tls_client_auth'],
  jwks: {
    keys: [
      {
        ...generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ format: 'jwk' }),
        use: 'sig',
      },
    ],
  },
  discovery: {
    mtls_endpoint_aliases: {
      token_endpoint: `${aliases}/token`,
      introspection_endpoint: `${aliases}/token/introspection`,
      revocation_endpoint: `${aliases}/token/revocation`,
    },
  },
  features: {
    devInteractions: { enabled: false },
    clientCredentials: { enabled: true },
    introspection: { enabled: true },
    revocation: { enabled: true },
    mTLS: {
      enabled: true,
      certificateBoundAccessTokens: true,
      tlsClientAuth: true,
      selfSignedTlsClientAuth: true,
      getCertificate: (ctx) => ctx.socket.getPeerX509Certificate?.(),
      certificateAuthorized: (ctx) => ctx.socket.authorized,
      certificateSubjectMatches: (ctx, property, expected) =>
        property === 'tls_client_auth_san_dns'
        && ctx.socket.getPeerX509Certificate()?.subjectAltName === `DNS:${expected}`,
    },
    resourceIndicators: {
      enabled: true,
      defaultResource: (ctx, client, oneOf) => oneOf,
      getResourceServerInfo: (ctx, resource) => {
        if (resource !== RESOURCE) {
          throw new errors.InvalidTarget();
        }
        return {
          scope: 'api:read',
          audience: RESOURCE,
          accessTokenFormat: 'jwt',
          jwt: { sign: { alg: 'ES256' } },
        };
      },
    },
  },
});
provider.on('server_error', (ctx, error) => console.error(error));
const handle = provider.callback();
for (const server of [open, asking]) server.on('request', handle);

process.stdout.write(`${JSON.stringify({ issuer })}\n`);
