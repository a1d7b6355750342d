// An OpenID Provider on loopback for the tests. See README.md.
//
// Prints one line of JSON on stdout when it is ready: {"issuer":"http://127.0.0.1:PORT"}.
// Everything else goes to stderr. Each line `rotate` on standard input replaces the signing keys; when
// that is done, one line on stdout says so: {"rotated":N}. Exits when its standard input closes.

import { Console } from 'node:console';
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { createInterface } from 'node:readline';

// The package also logs with console.info, which writes to stdout.
globalThis.console = new Console(process.stderr, process.stderr);

// The package calls URL.parse, which early releases of Node.js 20 lack.
URL.parse ??= (url, base) => {
  try {
    return new URL(url, base);
  } catch {
    return null;
  }
};

const stop = () => process.exit(0);
process.stdin.on('end', stop).on('close', stop).on('error', stop);
const commands = createInterface({ input: process.stdin });

const { default: Provider, errors } = await import('oidc-provider');

const ALGS = ['ES256', 'PS256', 'RS256', 'EdDSA'];
const METHODS = ['client_secret_basic', 'client_secret_post', 'none'];
// Form encoding changes every character except the letters and the digits.
const SECRET = 's3cret:/?&=+ %~';
const REDIRECT_URI = 'https://app.example/callback';
const POST_LOGOUT_REDIRECT_URI = 'https://app.example/logged-out';
const RESOURCE = 'https://api.example/';
// A second one, in a spelling that a parser of URLs would change.
const OTHER_RESOURCE = 'https://Stock.example:443/v1/../v2';

const jwk = (kid, type, options) => ({
  ...generateKeyPairSync(type, options).privateKey.export({ format: 'jwk' }),
  kid,
  use: 'sig',
});

// The RSA key names no `alg`: it signs both RS256 and PS256.
const newKeys = (suffix) => [
  jwk(`rsa${suffix}`, 'rsa', { modulusLength: 2048 }),
  jwk(`p256${suffix}`, 'ec', { namedCurve: 'P-256' }),
  jwk(`ed25519${suffix}`, 'ed25519'),
];

const clients = ALGS.flatMap((alg) => METHODS.map((method) => ({
  client_id: `${alg}-${method}`,
  ...(method === 'none' ? {} : { client_secret: SECRET }),
  token_endpoint_auth_method: method,
  id_token_signed_response_alg: alg,
  authorization_details_types: ['payment', 'account'],
  application_type: 'web',
  grant_types: [
    'authorization_code',
    'refresh_token',
    'urn:ietf:params:oauth:grant-type:device_code',
    ...(method === 'none' ? [] : ['client_credentials']),
  ],
  response_types: ['code'],
  redirect_uris: [REDIRECT_URI],
  post_logout_redirect_uris: [POST_LOGOUT_REDIRECT_URI],
})));

// The client in README.md of the workspace.
clients.push({
  client_id: 'my-client',
  client_secret: 'my secret',
  grant_types: ['authorization_code', 'refresh_token'],
  redirect_uris: [REDIRECT_URI],
});

// Clients whose tokens are bound to a DPoP key (RFC 9449 section 5.2).
for (const method of ['client_secret_basic', 'none']) {
  clients.push({
    client_id: `dpop-${method}`,
    ...(method === 'none' ? {} : { client_secret: SECRET }),
    token_endpoint_auth_method: method,
    dpop_bound_access_tokens: true,
    id_token_signed_response_alg: 'ES256',
    grant_types: [
      'authorization_code',
      'refresh_token',
      'urn:ietf:params:oauth:grant-type:device_code',
      ...(method === 'none' ? [] : ['client_credentials']),
    ],
    response_types: ['code'],
    redirect_uris: [REDIRECT_URI],
  });
}

// An API that exchanges the tokens of its users.
const TOKEN_EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange';
clients.push({
  client_id: 'exchanger',
  client_secret: SECRET,
  grant_types: [TOKEN_EXCHANGE],
  response_types: [],
  redirect_uris: [],
  id_token_signed_response_alg: 'ES256',
});

// Clients that sign assertions. The tests have the private keys, and name the public ones.
const CLIENT_KEYS = JSON.parse(process.env.OIDC_CLIENT_KEYS ?? '{}');
const asserting = (alg, method, rest) => ({
  client_id: `${alg}-${method}`,
  token_endpoint_auth_method: method,
  token_endpoint_auth_signing_alg: alg,
  id_token_signed_response_alg: 'ES256',
  grant_types: ['authorization_code', 'refresh_token', 'client_credentials'],
  response_types: ['code'],
  redirect_uris: [REDIRECT_URI],
  ...rest,
});
for (const [alg, key] of Object.entries(CLIENT_KEYS)) {
  clients.push(asserting(alg, 'private_key_jwt', { jwks: { keys: [key] } }));
}
for (const alg of ['HS256', 'HS384', 'HS512']) {
  clients.push(asserting(alg, 'client_secret_jwt', { client_secret: SECRET.repeat(5) }));
}

// Clients whose registration demands pushed requests, signed requests, or both.
for (const [client_id, pushed, signed] of [
  ['pushed', true, false], ['signed', false, true], ['pushed-signed', true, true],
]) {
  const jwks = { keys: [CLIENT_KEYS.ES256].filter(Boolean) };
  clients.push(asserting('ES256', 'private_key_jwt', {
    client_id,
    jwks,
    require_pushed_authorization_requests: pushed,
    require_signed_request_object: signed,
  }));
}

// Clients for backchannel authentication: they poll, are pinged, or sign their requests.
const CIBA = 'urn:openid:params:grant-type:ciba';
const NOTIFICATION_ENDPOINT = 'https://app.example/ciba';
for (const [mode, rest] of [['poll', {}], ['ping', { backchannel_client_notification_endpoint: NOTIFICATION_ENDPOINT }]]) {
  clients.push({
    client_id: `ciba-${mode}`,
    client_secret: SECRET,
    id_token_signed_response_alg: 'ES256',
    grant_types: [CIBA, 'refresh_token'],
    response_types: [],
    backchannel_token_delivery_mode: mode,
    ...rest,
  });
}
if (CLIENT_KEYS.ES256) {
  clients.push(asserting('ES256', 'private_key_jwt', {
    client_id: 'ciba-signed',
    jwks: { keys: [CLIENT_KEYS.ES256] },
    grant_types: [CIBA],
    response_types: [],
    redirect_uris: [],
    backchannel_token_delivery_mode: 'poll',
    backchannel_authentication_request_signing_alg: 'ES256',
  }));
}

// The user `bob` refuses, `carol` never answers, and everybody else agrees once the client has its response.
// The notification endpoint of a test is wherever its `request_context` says.
const listeners = new Map();
const askUser = (ctx, request, account) => {
  listeners.set(request.jti, request.params.request_context);
  const { provider } = ctx.oidc;
  const decide = async () => {
    if (account.accountId === 'bob') {
      return provider.backchannelResult(request, new errors.AccessDenied('bob said no'));
    }
    const grant = new provider.Grant({ accountId: account.accountId, clientId: request.clientId });
    grant.addOIDCScope(request.scope);
    await grant.save();
    return provider.backchannelResult(request, grant);
  };
  if (account.accountId === 'carol') return;
  ctx.res.once('finish', () => decide().catch((error) => console.error(error)));
};

const HOUR = 60 * 60;
const DAY = 24 * HOUR;

// The package reads its keys once, when a provider is made. So a rotation makes another provider for the
// same issuer, behind the same server. Both know earlier tokens and sessions, because they share this
// store.
const store = new Map();
const grantIndex = new Map();

class Store {
  constructor(name) {
    this.name = name;
  }

  #key(id) {
    return `${this.name}:${id}`;
  }

  async upsert(id, payload, expiresIn) {
    const expires = expiresIn ? Date.now() + expiresIn * 1000 : Infinity;
    store.set(this.#key(id), { payload, expires });
    if (payload.grantId) {
      const members = grantIndex.get(payload.grantId) ?? new Set();
      grantIndex.set(payload.grantId, members.add(this.#key(id)));
    }
  }

  async find(id) {
    const found = store.get(this.#key(id));
    return found && found.expires > Date.now() ? found.payload : undefined;
  }

  #findBy(member, value) {
    for (const [key, { payload }] of store) {
      if (key.startsWith(`${this.name}:`) && payload[member] === value) return payload;
    }
    return undefined;
  }

  async findByUid(uid) {
    return this.#findBy('uid', uid);
  }

  async findByUserCode(userCode) {
    return this.#findBy('userCode', userCode);
  }

  async consume(id) {
    const found = store.get(this.#key(id));
    if (found) found.payload.consumed = Math.floor(Date.now() / 1000);
  }

  async destroy(id) {
    store.delete(this.#key(id));
  }

  async revokeByGrantId(grantId) {
    for (const key of grantIndex.get(grantId) ?? []) store.delete(key);
    grantIndex.delete(grantId);
  }
}

const hasActions = (ctx, detail) => {
  if (!detail.actions?.length) {
    throw new errors.InvalidAuthorizationDetails('no actions');
  }
};

const configuration = {
  adapter: Store,
  clients,
  cookies: { keys: [randomBytes(32).toString('base64url')] },
  scopes: ['openid', 'offline_access'],
  claims: {
    openid: ['sub'],
    profile: ['name'],
    email: ['email', 'email_verified'],
  },
  // Any login name is an account.
  findAccount: (ctx, sub) => ({
    accountId: sub,
    claims: () => ({
      sub,
      name: `User ${sub}`,
      email: `${sub}@mail.example`,
      email_verified: true,
    }),
  }),
  pkce: { required: () => true },
  rotateRefreshToken: true,
  issueRefreshToken: (ctx, client) => client.grantTypeAllowed('refresh_token'),
  enabledJWA: {
    idTokenSigningAlgValues: ALGS,
    clientAuthSigningAlgValues: [
      'HS256', 'HS384', 'HS512', 'RS256', 'PS256', 'ES256', 'ES384', 'EdDSA', 'Ed25519',
    ],
    requestObjectSigningAlgValues: [
      'HS256', 'HS384', 'HS512', 'RS256', 'PS256', 'ES256', 'ES384', 'EdDSA', 'Ed25519',
    ],
  },
  fetch: (url, options) => {
    // The document of a client that publishes its metadata: the test serves it at the port in the URL.
    const document = /^https:\/\/agent\.example\/(\d+)(\/.*)$/.exec(String(url));
    if (document) {
      const [, port, path] = document;
      return fetch(`http://127.0.0.1:${port}${path}`, { ...options, dispatcher: undefined });
    }
    if (String(url) !== NOTIFICATION_ENDPOINT) return fetch(url, options);
    // The package lets no request go to loopback by itself.
    return fetch(listeners.get(JSON.parse(options.body).auth_req_id), { ...options, dispatcher: undefined });
  },
  features: {
    ciba: {
      enabled: true,
      deliveryModes: ['poll', 'ping'],
      triggerAuthenticationDevice: askUser,
      validateBindingMessage: (ctx, message) => {
        if (message?.length > 20) throw new errors.InvalidBindingMessage('it is too long');
      },
      validateRequestContext: () => {},
      processLoginHint: (ctx, hint) => (hint === 'nobody' ? undefined : hint),
      processLoginHintToken: (ctx, token) => token,
      verifyUserCode: (ctx, account, code) => {
        if (account.accountId === 'dave' && code !== '1234') throw new errors.InvalidUserCode('another code');
      },
    },
    clientIdMetadataDocument: { enabled: true, ack: 'draft-02' },
    requestObjects: { enabled: true },
    devInteractions: { enabled: true },
    clientCredentials: { enabled: true },
    deviceFlow: { enabled: true },
    // Each proof needs a nonce (RFC 9449 sections 8 and 9).
    dPoP: { enabled: true, nonceSecret: randomBytes(32), requireNonce: () => true },
    introspection: { enabled: true },
    jwtIntrospection: { enabled: true },
    revocation: { enabled: true },
    userinfo: { enabled: true },
    rpInitiatedLogout: { enabled: true },
    pushedAuthorizationRequests: { enabled: true },
    // Without a `resource` parameter at the token endpoint the access token is
    // opaque (and, after a login, is for the userinfo endpoint); with it, a JWT.
    resourceIndicators: {
      enabled: true,
      defaultResource: (ctx, client, oneOf) => oneOf,
      useGrantedResource: () => false,
      getResourceServerInfo: (ctx, resource) => {
        if (resource !== RESOURCE && resource !== OTHER_RESOURCE) {
          throw new errors.InvalidTarget();
        }
        return {
          scope: 'api:read',
          audience: resource,
          accessTokenTTL: HOUR,
          accessTokenFormat: 'jwt',
          jwt: { sign: { alg: 'ES256' } },
        };
      },
    },
    // The user grants what was asked for, and chooses the account.
    richAuthorizationRequests: {
      enabled: true,
      types: {
        payment: { validate: hasActions },
        account: { validate: hasActions },
      },
      authorizationDetailsForGrantSource: (ctx) => {
        const asked = JSON.parse(ctx.oidc.params.authorization_details ?? '[]');
        return asked.map((detail) => (
          detail.type === 'account' ? { ...detail, identifier: 'account 1' } : detail
        ));
      },
      authorizationDetailsForAccessToken: (ctx, token, source) => {
        const asked = ctx.oidc.params.authorization_details;
        if (asked === undefined) return source.rar;
        const details = JSON.parse(asked);
        const granted = (detail) => !source || source.rar?.some((known) => (
          known.type === detail.type && detail.actions.every((action) => known.actions.includes(action))
        ));
        if (!details.every(granted)) {
          throw new errors.InvalidAuthorizationDetails('more than was granted');
        }
        return details;
      },
      authorizationDetailsForIntrospection: (ctx, token) => token.rar,
    },
  },
  ttl: {
    AccessToken: HOUR,
    ClientCredentials: HOUR,
    Grant: DAY,
    IdToken: HOUR,
    Interaction: HOUR,
    RefreshToken: DAY,
    Session: DAY,
  },
};

// Token exchange (RFC 8693), which the package leaves to its users: an access token for one for an API.
const EXCHANGE_PARAMETERS = [
  'subject_token', 'subject_token_type', 'actor_token', 'actor_token_type', 'requested_token_type',
  'audience', 'resource', 'scope',
];
const ACCESS_TOKEN = 'urn:ietf:params:oauth:token-type:access_token';
const exchange = async (ctx) => {
  const { params, client, provider } = ctx.oidc;
  if (params.subject_token_type !== ACCESS_TOKEN || (params.requested_token_type ?? ACCESS_TOKEN) !== ACCESS_TOKEN) {
    throw new errors.InvalidRequest('only access tokens are exchanged');
  }
  const subject = await provider.AccessToken.find(params.subject_token);
  if (!subject) throw new errors.InvalidRequest('the subject token is not valid');
  const [resource, another] = [params.resource].flat();
  if (!resource || another) throw new errors.InvalidTarget();
  const data = await configuration.features.resourceIndicators.getResourceServerInfo(ctx, resource);
  const token = new provider.AccessToken({
    accountId: subject.accountId,
    client,
    grantId: subject.grantId,
    gty: 'token_exchange',
    scope: params.scope,
  });
  token.resourceServer = new provider.ResourceServer(resource, data);
  ctx.body = {
    access_token: await token.save(),
    issued_token_type: ACCESS_TOKEN,
    token_type: token.tokenType,
    expires_in: token.expiration,
    scope: token.scope,
  };
};

// The issuer contains the port, so the server needs its port first.
const server = createServer();
server.listen(0, '127.0.0.1');
await once(server, 'listening');

const issuer = `http://127.0.0.1:${server.address().port}`;
let handle;
let rotations = 0;

const start = () => {
  const suffix = rotations === 0 ? '' : `-${rotations}`;
  const provider = new Provider(issuer, { ...configuration, jwks: { keys: newKeys(suffix) } });
  provider.on('server_error', (ctx, error) => console.error(error));
  provider.registerGrantType(TOKEN_EXCHANGE, exchange, EXCHANGE_PARAMETERS, ['audience', 'resource']);
  handle = provider.callback();
};

start();
server.on('request', (request, response) => handle(request, response));

commands.on('line', (line) => {
  if (line !== 'rotate') {
    console.error(`unknown command: ${line}`);
    return;
  }
  rotations += 1;
  start();
  process.stdout.write(`${JSON.stringify({ rotated: rotations })}\n`);
});

process.stdout.write(`${JSON.stringify({ issuer })}\n`);
