//! S14: the presets of [`TrustedIssuer`]. For each provider, an access token as its documentation or a recorded one shows
//! it is accepted. Its ID token, its refresh token and the token of another tenant are refused, and so is the access
//! token by a server with the default settings.

use super::{world::*, *};
use oidc_proto::{
    EndpointUrl, UrlPolicy,
    flow::{Discovery, DiscoveryOptions, Step},
    metadata::Profile,
    resource::Denied,
    token::AccessTokenVerifier,
};

const TENANT: &str = "aaaabbbb-0000-cccc-1111-dddd2222eeee";
const OTHER_TENANT: &str = "11112222-aaaa-3333-bbbb-4444cccc5555";
const CLIENT: &str = "00001111-aaaa-2222-bbbb-3333cccc4444";

/// A provider, and what it issues.
struct Provider {
    trusted: TrustedIssuer,
    /// The issuer of its access tokens, and that of another tenant.
    issuers: [String; 2],
    /// What a program must add to the audiences.
    audience: &'static str,
    /// Pairs of a header `typ` and claims.
    access: Vec<(Value, Value)>,
    /// ID tokens, refresh tokens and others, each with the code of the refusal.
    others: Vec<(Value, Value, &'static str)>,
    /// The code of the refusal by the default settings.
    default: &'static str,
    /// The client of the first access token, and one of its scopes.
    client: &'static str,
    scope: &'static str,
}

fn names(first: &str, second: &str) -> [String; 2] {
    [first, second].map(str::to_owned)
}

fn jwt(claims: Value) -> (Value, Value) {
    (json!("JWT"), claims)
}

fn bare(claims: Value) -> (Value, Value) {
    (Value::Null, claims)
}

fn keycloak() -> Provider {
    let token = json!({"aud": RESOURCE, "jti": "onrtac:5c0b", "sub": "d3c9", "typ": "Bearer", "azp": "web", "sid": "2b1f",
                       "acr": "1", "realm_access": {"roles": ["admin"]}, "scope": "openid email", "email": "a@b.example"});
    let id = json!({"aud": "web", "sub": "d3c9", "typ": "ID", "azp": "web", "nonce": "n", "sid": "2b1f", "at_hash": "h"});
    Provider {
        trusted: TrustedIssuer::keycloak("https://sso.example/realms/shop"),
        issuers: names("https://sso.example/realms/shop", "https://sso.example/realms/master"),
        audience: "web",
        access: vec![
            jwt(token.clone()),
            jwt(merge(token.clone(), &json!({"nonce": "n"}))),
            (json!("at+jwt"), token.clone()),
            // Lightweight, with a mapper that names this API.
            jwt(merge(
                token.clone(),
                &json!({"sub": null, "acr": null, "realm_access": null, "email": null}),
            )),
            jwt(merge(token.clone(), &json!({"typ": "DPoP"}))),
            jwt(merge(token, &json!({"client_id": "robot", "azp": "robot", "sid": null}))),
        ],
        others: vec![
            (json!("JWT"), id.clone(), "token_is_id_token"),
            (
                json!("JWT"),
                merge(id, &json!({"at_hash": null, "nonce": null, "scope": "x"})),
                "token_is_id_token",
            ),
            (
                json!("JWT"),
                json!({"aud": "web", "sub": "d3c9", "typ": "Refresh", "azp": "web", "scope": "x"}),
                "token_typ",
            ),
            (
                json!("JWT"),
                json!({"aud": "web", "sub": "d3c9", "typ": "Offline", "azp": "web", "scope": "x"}),
                "token_typ",
            ),
            // Keycloak copies the nonce into the refresh token, too.
            (
                json!("JWT"),
                json!({"aud": "web", "sub": "d3c9", "typ": "Refresh", "azp": "web", "scope": "x", "nonce": "n"}),
                "token_typ",
            ),
            // Signed UserInfo, with the same key.
            (
                json!("JWT"),
                json!({"aud": "web", "sub": "d3c9", "name": "Ada", "exp": null, "iat": null}),
                "token_missing_claim",
            ),
            // An authorization response (JARM).
            (
                json!("JWT"),
                json!({"aud": "web", "code": "c", "state": "s", "iat": null}),
                "token_claim_value",
            ),
            (
                json!("logout+jwt"),
                json!({"aud": "web", "sub": "d3c9", "events": {}, "jti": "1"}),
                "token_typ",
            ),
        ],
        default: "token_typ",
        client: "web",
        scope: "email",
    }
}

fn entra() -> Provider {
    let token = json!({"aud": "6e74172b", "azp": CLIENT, "azpacr": "0", "name": "Abe", "oid": "0000", "rh": "I", "ver": "2.0",
                       "preferred_username": "abe@x.example", "scp": "access_as_user", "sub": "HKZp", "tid": TENANT});
    let of = |tenant: &str| format!("https://login.microsoftonline.com/{tenant}/v2.0");
    Provider {
        trusted: TrustedIssuer::entra(TENANT),
        issuers: [of(TENANT), of(OTHER_TENANT)],
        audience: "6e74172b",
        access: vec![
            jwt(token.clone()),
            jwt(merge(
                token,
                &json!({"scp": null, "azpacr": "1", "roles": ["jobs.run"], "oid": "0", "sub": "0"}),
            )),
        ],
        others: vec![
            (
                json!("JWT"),
                json!({"aud": "6e74172b", "sub": "HKZp", "tid": TENANT, "oid": "0000", "nonce": "n", "ver": "2.0"}),
                "token_is_id_token",
            ),
            (
                json!("JWT"),
                json!({"aud": "6e74172b", "sub": "HKZp", "tid": TENANT, "ver": "2.0"}),
                "token_is_id_token",
            ),
        ],
        default: "token_typ",
        client: CLIENT,
        scope: "access_as_user",
    }
}

fn entra_v1() -> Provider {
    let token = json!({"aud": "api://orders", "appid": CLIENT, "appidacr": "0", "acr": "1", "amr": ["pwd"], "oid": "0000",
                       "scp": "user_impersonation", "sub": "HKZp", "tid": TENANT, "unique_name": "abe@x.example", "ver": "1.0"});
    let of = |tenant: &str| format!("https://sts.windows.net/{tenant}/");
    Provider {
        trusted: TrustedIssuer::entra_v1(TENANT),
        issuers: [of(TENANT), of(OTHER_TENANT)],
        audience: "api://orders",
        access: vec![
            jwt(token.clone()),
            jwt(merge(token, &json!({"scp": null, "appidacr": "1", "roles": ["jobs.run"], "sub": "0"}))),
        ],
        others: vec![(
            json!("JWT"),
            json!({"aud": "api://orders", "sub": "HKZp", "tid": TENANT, "nonce": "n", "ver": "1.0"}),
            "token_is_id_token",
        )],
        default: "token_typ",
        client: CLIENT,
        scope: "user_impersonation",
    }
}

fn cognito() -> Provider {
    let token = json!({"aud": null, "sub": "aaaaaaaa-bbbb", "cognito:groups": ["g"], "version": 2, "client_id": "7k3v",
                       "origin_jti": "o", "event_id": "e", "token_use": "access", "scope": "openid orders/read",
                       "auth_time": NOW.0 - 9, "jti": "j", "username": "ada"});
    let id = json!({"aud": "7k3v", "sub": "aaaaaaaa-bbbb", "token_use": "id", "auth_time": NOW.0 - 9, "at_hash": "h"});
    Provider {
        trusted: TrustedIssuer::cognito("eu-west-1", "eu-west-1_EXAMPLE"),
        issuers: names(
            "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_EXAMPLE",
            "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_OTHER",
        ),
        audience: "7k3v",
        access: vec![bare(token.clone()), bare(merge(token.clone(), &json!({"aud": RESOURCE})))],
        others: vec![
            (Value::Null, id.clone(), "token_is_id_token"),
            (Value::Null, merge(id, &json!({"at_hash": null, "client_id": "7k3v"})), "token_is_id_token"),
            (Value::Null, merge(token, &json!({"client_id": "another"})), "token_audience"),
        ],
        default: "token_typ",
        client: "7k3v",
        scope: "orders/read",
    }
}

fn auth0() -> Provider {
    let token = json!({"aud": [RESOURCE, "https://shop.eu.auth0.com/userinfo"], "sub": "auth0|5f7c8ec7", "azp": "4vPlDt6h",
                       "scope": "openid read:orders", "permissions": ["read:orders"]});
    Provider {
        trusted: TrustedIssuer::auth0("shop.eu.auth0.com"),
        issuers: names("https://shop.eu.auth0.com/", "https://other.eu.auth0.com/"),
        audience: "4vPlDt6h",
        access: vec![
            jwt(token.clone()),
            jwt(json!({"aud": RESOURCE, "sub": "4vPl@clients", "azp": "4vPl", "gty": "client-credentials"})),
            (json!("at+jwt"), merge(token, &json!({"client_id": "4vPlDt6h", "jti": "t"}))),
        ],
        others: vec![(
            json!("JWT"),
            json!({"aud": "4vPlDt6h", "sub": "auth0|5f7c8ec7", "nonce": "n", "sid": "s"}),
            "token_is_id_token",
        )],
        default: "token_typ",
        client: "4vPlDt6h",
        scope: "read:orders",
    }
}

fn okta() -> Provider {
    let token = json!({"ver": 1, "jti": "AT.0mP4", "aud": "api://default", "cid": "nmdP1fcy", "uid": "00ujmk",
                       "scp": ["openid", "email"], "auth_time": NOW.0, "sub": "a@x.example"});
    Provider {
        trusted: TrustedIssuer::okta("https://shop.okta.com/oauth2/default"),
        issuers: names("https://shop.okta.com/oauth2/default", "https://shop.okta.com"),
        audience: "api://default",
        access: vec![
            bare(token.clone()),
            bare(merge(token, &json!({"uid": null, "sub": "nmdP1fcy", "scp": ["orders"]}))),
        ],
        others: vec![(
            Value::Null,
            json!({"ver": 1, "aud": "api://default", "sub": "00ujmk", "jti": "ID.4e", "amr": ["pwd"], "at_hash": "h"}),
            "token_is_id_token",
        )],
        default: "token_typ",
        client: "nmdP1fcy",
        scope: "email",
    }
}

fn adfs() -> Provider {
    let token = json!({"aud": "microsoft:identityserver:orders", "apptype": "Confidential", "appid": CLIENT, "ver": "1.0",
                       "authmethod": "urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport",
                       "auth_time": NOW.0, "scp": "openid orders"});
    Provider {
        trusted: TrustedIssuer::adfs("fs.example"),
        issuers: names(
            "http://fs.example/adfs/services/trust",
            "http://fs.other.example/adfs/services/trust",
        ),
        audience: "microsoft:identityserver:orders",
        access: vec![jwt(token.clone()), jwt(merge(token, &json!({"sub": "k2p", "scp": "orders"})))],
        others: vec![
            (
                json!("JWT"),
                json!({"iss": "https://fs.example/adfs", "aud": CLIENT, "sub": "k2p"}),
                "token_untrusted_issuer",
            ),
            (
                json!("JWT"),
                json!({"aud": "microsoft:identityserver:orders", "sub": "k2p", "nonce": "n", "upn": "a@x.example"}),
                "token_is_id_token",
            ),
        ],
        default: "token_untrusted_issuer",
        client: CLIENT,
        scope: "orders",
    }
}

fn spring() -> Provider {
    let token =
        json!({"sub": "alice", "aud": "conf", "nbf": NOW.0, "scope": ["openid", "profile"], "jti": "7c0d"});
    Provider {
        trusted: TrustedIssuer::spring("http://auth-server:9000"),
        issuers: names("http://auth-server:9000", "http://auth-server:9001"),
        audience: "conf",
        access: vec![
            bare(token.clone()),
            bare(merge(token.clone(), &json!({"sub": "conf", "scope": ["orders"]}))),
            // Without scopes, as `JwtGenerator` writes it for a client that asks for none.
            bare(json!({"sub": "conf", "aud": "conf", "nbf": NOW.0, "jti": "7c0d"})),
        ],
        others: vec![
            // An ID token as from a customizer that adds `nbf`.
            (
                Value::Null,
                json!({"sub": "alice", "aud": "conf", "nbf": NOW.0, "azp": "conf", "jti": "1"}),
                "token_is_id_token",
            ),
            (
                Value::Null,
                json!({"sub": "alice", "aud": "conf", "nbf": NOW.0, "auth_time": NOW.0, "jti": "1"}),
                "token_is_id_token",
            ),
            (
                Value::Null,
                json!({"sub": "alice", "aud": "conf", "nbf": NOW.0, "sid": "s", "jti": "1"}),
                "token_is_id_token",
            ),
            (
                Value::Null,
                json!({"sub": "alice", "aud": "conf", "azp": "conf", "auth_time": NOW.0, "sid": "s", "nonce": "n", "jti": "1"}),
                "token_is_id_token",
            ),
            (
                Value::Null,
                json!({"sub": "alice", "aud": "conf", "azp": "conf", "jti": "1"}),
                "token_is_id_token",
            ),
        ],
        default: "token_typ",
        client: "",
        scope: "profile",
    }
}

fn zitadel() -> Provider {
    let token = json!({"aud": ["1234@shop", "5678"], "sub": "77776025198584418", "client_id": "1234@shop", "jti": "V2_1-at_2",
                       "nbf": NOW.0, "scope": "openid orders"});
    Provider {
        trusted: TrustedIssuer::zitadel("https://shop.zitadel.cloud"),
        issuers: names("https://shop.zitadel.cloud", "https://other.zitadel.cloud"),
        audience: "5678",
        access: vec![jwt(token.clone()), bare(merge(token, &json!({"scope": null})))],
        others: vec![
            (
                json!("JWT"),
                json!({"aud": ["1234@shop", "5678"], "sub": "7777", "azp": "1234@shop", "client_id": "1234@shop", "nonce": "n",
                   "at_hash": "h"}),
                "token_is_id_token",
            ),
            (
                json!("JWT"),
                json!({"aud": ["1234@shop", "5678"], "sub": "7777", "azp": "1234@shop", "client_id": "1234@shop"}),
                "token_is_id_token",
            ),
        ],
        default: "token_typ",
        client: "1234@shop",
        scope: "orders",
    }
}

fn all() -> Vec<(&'static str, Provider)> {
    vec![
        ("keycloak", keycloak()),
        ("entra", entra()),
        ("entra_v1", entra_v1()),
        ("cognito", cognito()),
        ("auth0", auth0()),
        ("okta", okta()),
        ("adfs", adfs()),
        ("spring", spring()),
        ("zitadel", zitadel()),
    ]
}

fn signed(world: &World, iss: &str, typ: &Value, claims: &Value) -> String {
    let base = json!({"iss": iss, "iat": NOW.0, "exp": NOW.0 + 300});
    let header = merge(json!({"alg": "EdDSA"}), &json!({"typ": typ}));
    sign(&world.issuer, &header, &merge(base, claims))
}

fn api(issuer: TrustedIssuer, audience: &str) -> ResourceServer {
    let issuer = issuer.access_tokens(|t: AccessTokenVerifier| t.or_audience(audience));
    ResourceServer::builder(RESOURCE).trust(issuer).build().unwrap()
}

#[test]
fn a_preset_accepts_the_access_tokens_of_its_provider_and_no_other_token() {
    let world = World::new();
    for (name, provider) in all() {
        let server = api(provider.trusted.clone(), provider.audience);
        let [iss, other] = &provider.issuers;
        for (at, (typ, claims)) in provider.access.iter().enumerate() {
            let token = signed(&world, iss, typ, claims);
            let access =
                world.bearer(&server, &token).unwrap_or_else(|denied| panic!("{name} {at}: {denied}"));
            assert_eq!(access.issuer(), *iss, "{name}");
            if at == 0 {
                assert_eq!(access.client_id().unwrap_or_default(), provider.client, "{name}");
                assert!(
                    access.has_scope(provider.scope),
                    "{name}: {:?}",
                    access.scopes().collect::<Vec<_>>()
                );
            }
            let elsewhere = signed(&world, other, typ, claims);
            let denied = world.bearer(&server, &elsewhere).unwrap_err();
            assert_eq!(denied.code(), "token_untrusted_issuer", "{name}: another tenant");
            let forged =
                sign(&key("ed25519-2", Algorithm::EdDSA), &json!({"alg": "EdDSA"}), &json!({"iss": iss}));
            let parts: Vec<&str> = token.split('.').collect();
            let forged = format!("{}.{}.{}", parts[0], parts[1], forged.rsplit('.').next().unwrap());
            assert_eq!(world.bearer(&server, &forged).unwrap_err().code(), "jws_signature", "{name}");
            let late = merge(claims.clone(), &json!({"exp": NOW.0 - 60}));
            let denied = world.bearer(&server, &signed(&world, iss, typ, &late)).unwrap_err();
            assert_eq!(denied.code(), "token_expired", "{name}");
            let foreign = merge(claims.clone(), &json!({"aud": "https://graph.example"}));
            let denied = world.bearer(&server, &signed(&world, iss, typ, &foreign)).unwrap_err();
            assert_eq!(denied.code(), "token_audience", "{name}: for another API");
        }
        for (typ, claims, code) in &provider.others {
            let denied = world.bearer(&server, &signed(&world, iss, typ, claims)).unwrap_err();
            assert_eq!(denied.code(), *code, "{name}: {claims}");
        }
        // The refresh tokens of most providers are opaque.
        assert_eq!(world.bearer(&server, "1.AVYAKd8x0tFe").unwrap_err().code(), "token_not_jwt", "{name}");
    }
}

#[test]
fn the_default_settings_refuse_the_same_tokens_and_say_which_setting_helps() {
    let world = World::new();
    for (name, provider) in all() {
        let named = api(provider.trusted.clone(), provider.audience);
        let issuer = named.issuers().next().unwrap().to_owned();
        let strict = api(TrustedIssuer::new(issuer), provider.audience);
        let (typ, claims) = &provider.access[0];
        let denied = world.bearer(&strict, &signed(&world, &provider.issuers[0], typ, claims)).unwrap_err();
        assert_eq!(denied.code(), provider.default, "{name}");
        assert!(
            denied.to_string().contains("(`AccessTokenVerifier::")
                || denied.to_string().contains("issuer_rule"),
            "{denied}"
        );
    }
}

/// What a server says about the first access token of each provider: with the preset for it, or with the default
/// settings for its issuer.
pub(crate) fn judged(preset: bool) -> Vec<(&'static str, Result<(), Denied>)> {
    let world = World::new();
    let judge = |provider: Provider| {
        let named = api(provider.trusted.clone(), provider.audience);
        let issuer = named.issuers().next().unwrap().to_owned();
        let server = if preset { named } else { api(TrustedIssuer::new(issuer), provider.audience) };
        let (typ, claims) = &provider.access[0];
        world.bearer(&server, &signed(&world, &provider.issuers[0], typ, claims)).map(drop)
    };
    all().into_iter().map(|(name, provider)| (name, judge(provider))).collect()
}

/// A preset is a value: its settings are changed like those of any other issuer.
#[test]
fn a_preset_goes_on_as_any_other_issuer() {
    let world = World::new();
    let rule = oidc_proto::metadata::IssuerRule::exact("http://sts.example/adfs/services/trust");
    let federation = TrustedIssuer::adfs("fs.example").access_tokens(|t| t.issuer_rule(rule));
    let server = api(federation, "microsoft:identityserver:orders");
    assert_eq!(server.issuers().collect::<Vec<_>>(), ["https://fs.example/adfs"], "where its metadata is");
    let (typ, claims) = &adfs().access[0];
    assert!(
        world.bearer(&server, &signed(&world, "http://sts.example/adfs/services/trust", typ, claims)).is_ok()
    );
    assert!(
        world.bearer(&server, &signed(&world, "http://fs.example/adfs/services/trust", typ, claims)).is_err()
    );
    let strict = api(TrustedIssuer::keycloak("https://sso.example/realms/shop").scope_claim("groups"), "web");
    let (typ, claims) = &keycloak().access[0];
    let claims = merge(claims.clone(), &json!({"groups": ["staff"]}));
    let access =
        world.bearer(&strict, &signed(&world, "https://sso.example/realms/shop", typ, &claims)).unwrap();
    assert_eq!(access.scopes().collect::<Vec<_>>(), ["staff"]);
    assert!(access.has_role("/realm_access/roles", "admin"));
}

/// The recorded document of version 1.0, of one tenant. Its URL is that of the reports of its users.
#[test]
fn the_metadata_of_entra_v1_is_where_its_preset_says() {
    let trusted = TrustedIssuer::entra_v1(TENANT);
    let recorded = include_str!("../../../../tests/data/realworld/entra-common-v1.discovery.json");
    let document = recorded.replace("{tenantid}", TENANT).replace("/common/", &format!("/{TENANT}/"));
    let at = format!("https://login.microsoftonline.com/{TENANT}/.well-known/openid-configuration");
    let place = EndpointUrl::parse(&at, &UrlPolicy::default()).unwrap();
    let options = || DiscoveryOptions::of_profile(Profile::OpenIdProvider, &UrlPolicy::default());
    let asked = |issuer: &str, options: DiscoveryOptions| {
        let (request, _, pending) = Discovery::with(issuer, options).unwrap().into_parts();
        let response = http::Response::builder().header("content-type", "application/json");
        let found = pending.receive(
            response.body(document.clone().into_bytes()).unwrap(),
            oidc_proto::Moment::new(NOW, [7; 32]),
        );
        (request.uri().to_string(), found)
    };
    let (url, found) = asked(trusted.issuer(), options().document_at(place.clone()));
    assert_eq!(url, at);
    let Ok(Step::Done(metadata)) = found else { panic!("{found:?}") };
    assert_eq!(metadata.issuer, trusted.issuer());
    let keys = format!("https://login.microsoftonline.com/{TENANT}/discovery/keys");
    assert_eq!(metadata.jwks_uri.unwrap().as_str(), keys);
    // By default, the issuer says where its document is. The issuer of logins is another one.
    let (url, found) = asked(trusted.issuer(), options());
    assert_eq!(url, format!("https://sts.windows.net/{TENANT}/.well-known/openid-configuration"));
    assert!(found.is_ok());
    assert!(asked(TrustedIssuer::entra(TENANT).issuer(), options().document_at(place)).1.is_err());
}
