//! S14: the settings for access tokens of another shape than RFC 9068 demands. Each is off by default, each accepts one
//! difference, and no other token of the issuer passes through it.

use super::{world::*, *};
use oidc_proto::{
    message::IntrospectionResponse,
    metadata::{AllowedTenants, IssuerRule},
    token::{AccessTokenVerifier, RequiredClaim},
};

/// A server whose issuer has these rules for access tokens.
fn with(set: impl FnOnce(AccessTokenVerifier) -> AccessTokenVerifier) -> ResourceServer {
    ResourceServer::builder(RESOURCE).trust(TrustedIssuer::new(ISSUER).access_tokens(set)).build().unwrap()
}

/// Signs claims under a header with this `typ`.
fn typed(world: &World, typ: &Value, claims: &Value) -> String {
    let base = json!({"iss": ISSUER, "aud": RESOURCE, "iat": NOW.0, "exp": NOW.0 + 300});
    sign(&world.issuer, &merge(json!({"alg": "EdDSA"}), &json!({"typ": typ})), &merge(base, claims))
}

fn code(world: &World, server: &ResourceServer, token: &str) -> &'static str {
    world.bearer(server, token).map_or_else(|denied| denied.code(), |_| "accepted")
}

#[test]
fn a_client_counts_as_the_audience_only_where_the_token_has_none_and_says_what_it_is() {
    let world = World::new();
    let server =
        with(|t| t.accept_plain_jwt().client_id_as_audience().or_audience("7k3v").or_audience("9xyz"));
    let plain = with(|t| t.accept_plain_jwt().or_audience("7k3v"));
    let base = json!({"aud": null, "sub": "f02e", "client_id": "7k3v", "token_use": "access", "scope": "openid",
                      "jti": "j", "username": "ada"});
    for (changes, verdict) in [
        (json!({}), "accepted"),
        (json!({"client_id": "9xyz", "scope": null}), "accepted"),
        (json!({"aud": RESOURCE}), "accepted"),
        (json!({"client_id": "another"}), "token_audience"),
        (json!({"client_id": null}), "token_missing_claim"),
        (json!({"client_id": null, "azp": "7k3v"}), "token_missing_claim"),
        (json!({"token_use": null}), "token_missing_claim"),
        (json!({"token_use": "id"}), "token_is_id_token"),
        (json!({"token_use": "refresh"}), "token_claim_value"),
        (json!({"token_use": "Access"}), "token_claim_value"),
        (json!({"aud": "https://other.example"}), "token_audience"),
        (json!({"aud": []}), "token_audience"),
        (json!({"aud": "7k3v", "token_use": "id"}), "token_is_id_token"),
        (json!({"nonce": "n", "at_hash": "h"}), "token_is_id_token"),
    ] {
        let token = typed(&world, &Value::Null, &merge(base.clone(), &changes));
        assert_eq!(code(&world, &server, &token), verdict, "{changes}");
    }
    let token = typed(&world, &Value::Null, &base);
    let denied = world.bearer(&plain, &token).unwrap_err();
    assert_eq!(denied.code(), "token_missing_claim", "without the setting");
    assert!(denied.to_string().contains("`AccessTokenVerifier::client_id_as_audience`"), "{denied}");
    let unplain = with(|t| t.client_id_as_audience().or_audience("7k3v"));
    assert_eq!(code(&world, &unplain, &token), "token_typ", "the kind of token is a setting of its own");
    let access = world.bearer(&server, &token).unwrap();
    assert_eq!(access.client_id(), Some("7k3v"));
    assert!(access.audience().next().is_none(), "the token names none");
}

#[test]
fn a_required_claim_is_waived_by_its_name_and_no_other_is() {
    let world = World::new();
    let whole = json!({"sub": "alice", "client_id": "app", "jti": "t", "azp": "web"});
    let all = [RequiredClaim::Sub, RequiredClaim::ClientId, RequiredClaim::Iat, RequiredClaim::Jti];
    let names = ["sub", "client_id", "iat", "jti"];
    for (waived, _) in all.iter().zip(names) {
        let server = with(|t| t.without_required_claim(*waived));
        for (claim, name) in all.iter().zip(names) {
            let mut claims = whole.clone();
            claims[name] = Value::Null;
            let token = typed(&world, &json!("at+jwt"), &claims);
            let verdict = if claim == waived { "accepted" } else { "token_missing_claim" };
            assert_eq!(code(&world, &server, &token), verdict, "{waived:?} {name}");
            let refused = world.bearer(&with(|t| t), &token).unwrap_err();
            assert!(
                refused.to_string().contains("`AccessTokenVerifier::without_required_claim`"),
                "{refused}"
            );
        }
        let empty = typed(&world, &json!("at+jwt"), &merge(whole.clone(), &json!({"client_id": ""})));
        assert_eq!(
            code(&world, &server, &empty),
            "token_claim_value",
            "a claim that is there is never empty"
        );
    }
    let every = with(|t| all.into_iter().fold(t, AccessTokenVerifier::without_required_claim));
    let bare = |changes: Value| typed(&world, &json!("at+jwt"), &merge(json!({"iat": null}), &changes));
    assert_eq!(code(&world, &every, &bare(json!({"azp": "web"}))), "accepted");
    assert_eq!(code(&world, &every, &bare(json!({"sub": "alice"}))), "accepted");
    assert_eq!(code(&world, &every, &bare(json!({}))), "token_missing_claim", "it must name somebody");
    assert_eq!(code(&world, &every, &bare(json!({"azp": ""}))), "token_missing_claim");
    let typeless = typed(&world, &Value::Null, &json!({"sub": "alice", "client_id": "app", "jti": "t"}));
    assert_eq!(code(&world, &every, &typeless), "token_typ", "the header must still say what the token is");
}

#[test]
fn a_nonce_is_accepted_where_the_token_says_that_it_is_an_access_token_or_by_choice() {
    let world = World::new();
    let plain = with(|t| t.accept_plain_jwt().or_audience("web"));
    let chosen = with(|t| t.accept_plain_jwt().or_audience("web").accept_nonce());
    let alone = with(|t| t.accept_nonce());
    for (what, claims, by_default, by_choice) in [
        ("Keycloak 24", json!({"typ": "Bearer", "azp": "web", "scope": "email"}), "accepted", "accepted"),
        ("Keycloak, for a DPoP key", json!({"typ": "DPoP", "azp": "web"}), "accepted", "accepted"),
        ("one with token_use", json!({"token_use": "access", "client_id": "web"}), "accepted", "accepted"),
        ("a mock server", json!({"azp": "web"}), "token_is_id_token", "accepted"),
        ("one with a scope", json!({"scope": ["read"]}), "token_is_id_token", "accepted"),
        ("one of another kind of typ", json!({"typ": "JWT", "azp": "web"}), "token_is_id_token", "accepted"),
        (
            "an ID token of a code",
            json!({"aud": "web", "azp": "web"}),
            "token_is_id_token",
            "token_is_id_token",
        ),
        (
            "an ID token of Keycloak",
            json!({"typ": "ID", "azp": "web"}),
            "token_is_id_token",
            "token_is_id_token",
        ),
        (
            "an ID token that says two things",
            json!({"typ": "Bearer", "token_use": "id", "azp": "web"}),
            "token_is_id_token",
            "token_is_id_token",
        ),
        (
            "an ID token with a hash",
            json!({"azp": "web", "at_hash": "h", "typ": "Bearer"}),
            "token_is_id_token",
            "token_is_id_token",
        ),
        ("a hybrid one", json!({"azp": "web", "c_hash": "h"}), "token_is_id_token", "token_is_id_token"),
        ("a refresh token", json!({"typ": "Refresh", "azp": "web"}), "token_typ", "token_typ"),
        ("an offline token", json!({"typ": "Offline", "azp": "web"}), "token_typ", "token_typ"),
        (
            "a logout token",
            json!({"events": {}, "azp": "web", "typ": "Bearer"}),
            "token_claim_value",
            "token_claim_value",
        ),
        (
            "JARM",
            json!({"code": "c", "azp": "web", "typ": "Bearer"}),
            "token_claim_value",
            "token_claim_value",
        ),
    ] {
        let claims = merge(json!({"sub": "alice", "nonce": "n"}), &claims);
        for typ in [json!("JWT"), Value::Null] {
            let token = typed(&world, &typ, &claims);
            assert_eq!(code(&world, &plain, &token), by_default, "{what}");
            assert_eq!(code(&world, &chosen, &token), by_choice, "{what}");
            assert_eq!(code(&world, &alone, &token), "token_typ", "{what}");
        }
    }
    let mock = typed(&world, &json!("JWT"), &json!({"sub": "alice", "nonce": "n", "azp": "web"}));
    let refused = world.bearer(&plain, &mock).unwrap_err();
    assert!(refused.to_string().contains("`AccessTokenVerifier::accept_nonce`"), "{refused}");
}

#[test]
fn the_client_of_a_plain_token_is_found_under_its_other_names() {
    let world = World::new();
    let server = with(|t| t.accept_plain_jwt().without_required_claim(RequiredClaim::ClientId));
    for (typ, claims, client) in [
        ("JWT", json!({"client_id": "a", "azp": "b", "appid": "c", "cid": "d"}), Some("a")),
        ("JWT", json!({"azp": "b", "appid": "c", "cid": "d"}), Some("b")),
        ("JWT", json!({"appid": "c"}), Some("c")),
        ("JWT", json!({"cid": "d", "scp": ["x"]}), Some("d")),
        ("JWT", json!({"cid": "\u{e9}", "scp": "x"}), Some("\u{e9}")),
        ("JWT", json!({"client_id": "", "azp": "", "appid": "c"}), Some("c")),
        ("JWT", json!({"azpacr": "1"}), None),
        ("JWT", json!({"scope": "x"}), None),
        ("at+jwt", json!({"azp": "b", "jti": "t"}), Some("b")),
        ("at+jwt", json!({"appid": "c", "jti": "t"}), None),
    ] {
        let token = typed(&world, &json!(typ), &merge(json!({"sub": "alice"}), &claims));
        let access = world.bearer(&server, &token).unwrap();
        assert_eq!(access.client_id(), client, "{claims}");
        let verifier = AccessTokenVerifier::new(ISSUER, RESOURCE).accept_plain_jwt();
        let verifier = verifier.without_required_claim(RequiredClaim::ClientId);
        let mut scratch = Scratch::new();
        let verified = verifier.verify(&token, &world.keys, &mut scratch, NOW).unwrap();
        assert_eq!(verified.client_id(), client, "{claims}");
    }
    for name in ["client_id", "azp", "appid", "cid"] {
        let token = typed(&world, &json!("JWT"), &json!({"sub": "alice", "scope": "x", name: "app\nadmin"}));
        assert_eq!(code(&world, &server, &token), "token_claim_value", "{name}: a log shows it");
    }
}

/// The verifier of a handle, and a server, read the scopes of one token alike.
#[test]
fn scopes_are_read_alike_by_a_verifier_and_a_server() {
    let world = World::new();
    let server = with(|t| t.accept_plain_jwt());
    for (claims, scopes) in [
        (json!({"scope": "openid email"}), vec!["openid", "email"]),
        (json!({"scope": ["openid", "email"]}), vec!["openid", "email"]),
        (json!({"scp": "openid email"}), vec!["openid", "email"]),
        (json!({"scp": ["openid", "email"]}), vec!["openid", "email"]),
        (json!({"scope": ["a/\u{e9}\"b", "c"], "scp": "d"}), vec!["a/\u{e9}\"b", "c"]),
        (json!({"scope": null, "scp": ["d"]}), vec!["d"]),
    ] {
        let claims = merge(json!({"sub": "alice", "client_id": "app"}), &claims);
        let token = typed(&world, &Value::Null, &claims);
        let access = world.bearer(&server, &token).unwrap();
        assert_eq!(access.scopes().collect::<Vec<_>>(), scopes, "{claims}");
        let verifier = AccessTokenVerifier::new(ISSUER, RESOURCE).accept_plain_jwt();
        let mut scratch = Scratch::new();
        let verified = verifier.verify(&token, &world.keys, &mut scratch, NOW).unwrap();
        assert_eq!(verified.scopes().collect::<Vec<_>>(), scopes, "{claims}");
        assert!(scopes.iter().all(|scope| verified.has_scope(scope) && access.has_scope(scope)), "{claims}");
    }
}

#[test]
fn access_tokens_may_have_another_issuer_than_the_metadata() {
    const NAME: &str = "https://fs.example/adfs";
    let world = World::new();
    let templates =
        || IssuerRule::template("https://sts.example/{tenantid}/", "tid", AllowedTenants::AnyUuid);
    let tenant = "11111111-2222-4333-8444-5555aaaabbbb";
    let of = |rule: IssuerRule| {
        let issuer = TrustedIssuer::new(NAME).access_tokens(|t| t.issuer_rule(rule));
        ResourceServer::builder(RESOURCE).trust(issuer).build().unwrap()
    };
    let exact = of(IssuerRule::exact("http://fs.example/adfs/services/trust"));
    let template = of(templates().unwrap());
    for (server, iss, tid, verdict) in [
        (&exact, "http://fs.example/adfs/services/trust", Value::Null, "accepted"),
        (&exact, NAME, Value::Null, "token_untrusted_issuer"),
        (&exact, "http://fs.example/adfs/services/trust/", Value::Null, "token_untrusted_issuer"),
        (&template, &format!("https://sts.example/{tenant}/"), json!(tenant), "accepted"),
        (&template, &format!("https://sts.example/{tenant}/"), json!("other"), "token_issuer"),
        (&template, &format!("https://sts.example/{tenant}/"), Value::Null, "token_issuer"),
        (&template, NAME, json!(tenant), "token_untrusted_issuer"),
    ] {
        let token = world.token(&json!({"iss": iss, "tid": tid}));
        assert_eq!(server.issuers().collect::<Vec<_>>(), [NAME], "the metadata is fetched by this name");
        match world.bearer(server, &token) {
            Ok(access) => assert_eq!(("accepted", access.issuer()), (verdict, iss)),
            Err(denied) => {
                assert_eq!(denied.code(), verdict, "{iss} {tid}");
                assert!(denied.to_string().contains("`AccessTokenVerifier::issuer_rule`"), "{denied}");
                assert!(!format!("{:?}", denied.headers()).contains("issuer_rule"), "clients need not know");
            }
        }
    }
    let denied =
        world.bearer(&with(|t| t), &world.token(&json!({"iss": "https://op.example/other"}))).unwrap_err();
    assert!(denied.to_string().ends_with(&format!("; this server expects `{ISSUER}`")), "{denied}");
}

#[test]
fn a_refusal_says_which_audience_was_expected_and_which_the_issuer_wrote() {
    let world = World::new();
    let server = with(|t| t.or_audience("orders"));
    for (aud, found) in [
        (json!("account"), "account"),
        (json!(["account", "https://other.example"]), "account,https://other.example"),
        (json!("a b\n`c`"), "a?b??c?"),
    ] {
        let denied = world.bearer(&server, &world.token(&json!({ "aud": aud }))).unwrap_err();
        let said = format!("; this server expects `orders,{RESOURCE}`, and the token has `{found}`");
        assert!(denied.to_string().ends_with(&said), "{denied}");
        let log = denied.record().to_string();
        assert!(log.ends_with(&format!(" expected=orders,{RESOURCE} found={found}")), "{log}");
        let challenge = format!("{:?}", denied.headers());
        assert!(!challenge.contains("orders") && !challenge.contains("account"), "{challenge}");
    }
    // What a stranger wrote, or a token that could not be used anyway, is not repeated.
    let forger = key("ed25519-2", Algorithm::EdDSA);
    let header = json!({"typ": "at+jwt", "alg": "EdDSA"});
    let claims = json!({"iss": ISSUER, "sub": "a", "aud": "account", "client_id": "c", "jti": "t", "iat": NOW.0,
                        "exp": NOW.0 + 60});
    for token in [
        sign(&forger, &header, &claims),
        world.token(&json!({"aud": "account", "exp": NOW.0 - 600})),
        world.token(&json!({"aud": []})),
    ] {
        let denied = world.bearer(&server, &token).unwrap_err();
        assert_eq!(denied.code(), "token_audience");
        assert_eq!((denied.record().expected.is_some(), denied.record().found.as_deref()), (true, None));
    }
    let long = world.token(&json!({"aud": vec!["https://a-long-audience.example/"; 50]}));
    let denied = world.bearer(&server, &long).unwrap_err();
    assert_eq!(denied.record().found.as_ref().map(String::len), Some(oidc_proto::resource::MAX_SHOWN));
}

/// Keycloak's lightweight access tokens: the API asks the issuer about each.
#[test]
fn jwts_are_introspected_where_the_settings_say_so() {
    let world = World::new();
    let server = |issuer: TrustedIssuer| ResourceServer::builder(RESOURCE).trust(issuer).build().unwrap();
    let plain = TrustedIssuer::new(ISSUER).access_tokens(|t| t.accept_plain_jwt());
    let asks = server(plain.clone().introspects_jwts());
    let opaque_only = server(plain.introspects_opaque_tokens());
    let claims =
        json!({"aud": null, "sub": null, "azp": "web", "sid": "1", "typ": "Bearer", "scope": "email"});
    let token = typed(&world, &json!("JWT"), &claims);
    let headers = headers(&[("authorization", format!("Bearer {token}").as_bytes())]);
    let (method, uri) = (Method::GET, Uri::from_static("/orders"));
    let view = RequestView::new(&method, &uri, &headers);
    let inspected = asks.inspect(&view, &mut Scratch::new()).unwrap();
    assert!(inspected.is_opaque() && inspected.issuer() == ISSUER);
    assert_eq!(asks.introspecting_issuer(), Some(ISSUER));
    let verdict = end(asks.judge(&inspected, &world.keys, &mut Scratch::new(), NOW));
    assert_eq!(verdict.unwrap_err().code(), "token_not_jwt", "it is never verified here");
    let said = |changes: Value| {
        let said = json!({"active": true, "iss": ISSUER, "aud": [RESOURCE], "sub": "alice", "client_id": "web",
                          "typ": "Bearer", "scope": "email", "exp": NOW.0 + 60});
        let said = merge(said, &changes).as_object().unwrap().clone();
        let said = IntrospectionResponse::from_members(said).unwrap();
        end(asks.judge_introspected(&inspected, &said, NOW))
    };
    assert_eq!(said(json!({})).unwrap().subject(), Some("alice"));
    for (changes, code) in [
        (json!({"active": false}), "token_inactive"),
        (json!({"aud": "account"}), "token_audience"),
        (json!({"aud": null}), "token_missing_claim"),
        (json!({"typ": "Refresh"}), "token_typ"),
        (json!({"iss": "https://op.example/other"}), "token_issuer"),
    ] {
        assert_eq!(said(changes.clone()).unwrap_err().code(), code, "{changes}");
    }
    let refused = said(json!({"aud": null})).unwrap_err().to_string();
    assert!(refused.contains("`TrustedIssuer::introspects_without_audience`"), "{refused}");
    let found = said(json!({"aud": "account"})).unwrap_err();
    assert_eq!(found.record().found.as_deref(), Some("account"));
    // JWTs of another issuer, and those of an issuer that is asked about opaque tokens only, are verified here.
    let both = ResourceServer::builder(RESOURCE)
        .trust(TrustedIssuer::new("https://asked.example").introspects_jwts())
        .trust(TrustedIssuer::new(ISSUER))
        .build()
        .unwrap();
    assert!(world.bearer(&both, &world.token(&json!({}))).is_ok());
    let denied = world.bearer(&opaque_only, &token).unwrap_err();
    assert!(denied.to_string().contains("`TrustedIssuer::introspects_jwts`"), "{denied}");
}

/// authentik calls its refresh tokens active, and its answer looks as if they were access tokens. They are no JWTs.
#[test]
fn a_refresh_token_opens_no_api_because_its_issuer_calls_it_active() {
    let world = World::new();
    let server = |issuer: TrustedIssuer| ResourceServer::builder(RESOURCE).trust(issuer).build().unwrap();
    let asks = || TrustedIssuer::new(ISSUER).introspects_jwts();
    let code = |server: &ResourceServer, token: &str| {
        let headers = headers(&[("authorization", format!("Bearer {token}").as_bytes())]);
        let (method, uri) = (Method::GET, Uri::from_static("/orders"));
        let inspected = server.inspect(&RequestView::new(&method, &uri, &headers), &mut Scratch::new());
        inspected.map(|_| ()).map_err(|denied| denied.code())
    };
    for (opaque, jwt_only) in [("cGxhaW4gcmVmcmVzaA", "token_not_jwt"), ("a.b", "token_not_jwt")] {
        assert_eq!(code(&server(asks()), opaque), Ok(()));
        assert_eq!(code(&server(asks().refuses_opaque_tokens()), opaque), Err(jwt_only));
    }
    let jwt = world.token(&json!({}));
    assert_eq!(code(&server(asks().refuses_opaque_tokens()), &jwt), Ok(()));
    let alone = TrustedIssuer::new(ISSUER).introspects_opaque_tokens().refuses_opaque_tokens();
    assert_eq!(code(&server(alone), "opaque"), Err("token_not_jwt"), "the stricter one counts");
}
