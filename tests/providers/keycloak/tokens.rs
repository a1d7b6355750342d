//! Each kind of access token that Keycloak issues, at APIs that trust it by the preset, and the tokens beside it that are
//! no access tokens.

use super::{
    Realm,
    api::{RESOURCE, ask, gate, introspecting},
    lab,
    logins::{log_in, log_in_for},
    visit,
};
use axum::{Router, body::Body, routing::get};
use oidc_axum::{Access, protect, require_scope};
use oidc_drive::{Gate, ProviderError, moment};
use oidc_proto::{
    Secret,
    base::base64url,
    flow::Authenticated,
    message::AuthorizationRequest,
    resource::TrustedIssuer,
    token::{AccessTokenVerifier, RequiredClaim},
};
use serde_json::{Value, json};
use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpListener,
};
use tokio::task::block_in_place;
use tower_service::Service;

const ID_TOKEN: &str = "the access token is refused: the token is an ID token, and not an access token \
    (`AccessTokenVerifier::accept_nonce` is for a provider that puts a `nonce` into access tokens, and \
    `AccessTokenVerifier::nbf_marks_access_tokens` for one whose access tokens without scopes differ by `nbf` alone)";
const ALGORITHM: &str = "the access token is refused: the JWT has an `alg` that is not one of those allowed \
    (`AccessTokenVerifier::algorithms` names those that are allowed)";
const KIND: &str = "the access token is refused: the header of the token has the `typ` of another kind of token \
    (`AccessTokenVerifier::accept_plain_jwt` accepts tokens that do not name their kind)";
const INACTIVE: &str = "the access token is not active, says its issuer";

/// Adds the audiences of all tokens of this client, so that the kind of a token decides, and not its audience.
fn every_audience(tokens: AccessTokenVerifier, realm: &Realm, client: &str) -> AccessTokenVerifier {
    tokens.or_audience(client).or_audience("account").or_audience(&*realm.issuer)
}

/// A gate by the preset, for the tokens of this client of whatever audience.
fn lenient(realm: &Realm, client: &str) -> Gate {
    gate(realm, |_| {
        TrustedIssuer::keycloak(&*realm.issuer).access_tokens(|tokens| every_audience(tokens, realm, client))
    })
    .0
}

fn login(realm: &Realm, client: &str) -> Authenticated {
    let client = realm.client(client).build().unwrap();
    block_in_place(|| log_in(realm, &client, "alice"))
}

fn refresh_token(login: &Authenticated) -> &Secret {
    login.tokens.refresh_token.as_ref().expect("a refresh token")
}

/// The header (0) or the claims (1) of a JWT. Nothing verifies them.
fn part(token: &Secret, index: usize) -> Value {
    let part = token.expose().split('.').nth(index).expect("a JWT");
    serde_json::from_slice(&base64url::decode(part).expect("base64url")).expect("JSON")
}

/// The header and the signature of one token around the claims of another.
fn dressed(claims: &Secret, clothes: &Secret) -> Secret {
    let parts = |token: &Secret| token.expose().split('.').map(str::to_owned).collect::<Vec<_>>();
    let (inner, outer) = (parts(claims), parts(clothes));
    Secret::new(format!("{}.{}.{}", outer[0], inner[1], outer[2]))
}

/// The code and the text of the refusal, which is a 401.
async fn refusal(gate: &Gate, token: &Secret) -> (&'static str, String) {
    let denied = ask(gate, token).await.unwrap_err();
    assert_eq!(denied.status(), 401, "{denied}");
    (denied.code(), denied.to_string())
}

fn says(code: &'static str, text: &str) -> (&'static str, String) {
    (code, text.to_owned())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_preset_accepts_each_kind_of_access_token_and_none_of_the_tokens_beside_it() {
    let Some(realm) = lab() else { return };
    for (client, typ, nonce) in
        [("audience", "JWT", false), ("at-jwt", "at+jwt", false), ("nonce", "JWT", true)]
    {
        let login = login(realm, client);
        let (token, refresh) = (&login.tokens.access_token, refresh_token(&login));
        assert_eq!(part(token, 0)["typ"], typ);
        assert_eq!(part(token, 1).get("nonce").is_some(), nonce, "{client}");

        // What an API sets: the preset, and its own identifier.
        let (api, _) = gate(realm, |_| TrustedIssuer::keycloak(&*realm.issuer));
        let access = ask(&api, token).await.unwrap_or_else(|denied| panic!("{client}: {denied}"));
        assert_eq!(access.subject(), Some(&*login.id_token.sub));
        assert_eq!(access.client_id(), Some(client));
        assert!(access.has_scope("email") && access.has_role("/realm_access/roles", "admin"), "{client}");

        let gate = lenient(realm, client);
        assert!(ask(&gate, token).await.is_ok(), "{client}");
        let id_token = &login.id_token.token;
        assert_eq!(refusal(&gate, id_token).await, says("token_is_id_token", ID_TOKEN), "{client}");
        assert_eq!(part(refresh, 1)["typ"], "Refresh");
        assert_eq!(refusal(&gate, refresh).await, says("jws_alg_not_allowed", ALGORITHM), "{client}");
        // Whatever their header says, the claims of the others are not those of an access token, or not signed.
        let (disguised, signature) = (dressed(refresh, token), "jws_signature");
        let expected = if typ == "JWT" { says("token_typ", KIND).0 } else { signature };
        assert_eq!(refusal(&gate, &disguised).await.0, expected, "{client}");
        assert_eq!(refusal(&gate, &dressed(token, id_token)).await.0, "jws_signature", "{client}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tokens_that_only_look_like_access_tokens_are_refused_by_their_kind() {
    let Some(realm) = lab() else { return };
    let client = realm.client("audience").build().unwrap();
    let offline = || log_in_for(realm, &client, "alice", &["profile", "offline_access"]);
    let offline = block_in_place(offline);
    let gate = lenient(realm, "audience");
    assert_eq!(part(refresh_token(&offline), 1)["typ"], "Offline");
    assert_eq!(refusal(&gate, refresh_token(&offline)).await, says("jws_alg_not_allowed", ALGORITHM));
    assert!(ask(&gate, &offline.tokens.access_token).await.is_ok(), "it is as good as any other");
    let disguised = dressed(refresh_token(&offline), &offline.tokens.access_token);
    let endless = "the access token is refused: the token lacks the claim `exp`";
    assert_eq!(refusal(&gate, &disguised).await, says("token_missing_claim", endless));

    // These are signed with the key of the realm, as access tokens are.
    let response = block_in_place(|| authorization_response(realm));
    let twice = "the access token is refused: the payload of the token has two members of the same name in one object";
    assert_eq!(
        refusal(&gate, &response).await,
        says("token_claims_json", twice),
        "Keycloak writes `iss` twice"
    );
    let login = login(realm, "signed-userinfo");
    let userinfo = block_in_place(|| signed_userinfo(realm, &login.tokens.access_token));
    let gate = lenient(realm, "signed-userinfo");
    assert!(ask(&gate, &login.tokens.access_token).await.is_ok());
    assert_eq!(refusal(&gate, &userinfo).await, says("token_missing_claim", endless));
    let logout = block_in_place(|| logout_token(realm));
    let gate = lenient(realm, "told-of-logouts");
    assert_eq!(part(&logout, 0)["typ"], "logout+jwt");
    assert_eq!(refusal(&gate, &logout).await, says("token_typ", KIND));
}

/// An authorization response as a JWT (JARM).
fn authorization_response(realm: &Realm) -> Secret {
    let client = realm.client("audience").build().unwrap();
    let (mut url, _) = client.authorize(&AuthorizationRequest::new(["profile"]), moment()).unwrap();
    url.query_pairs_mut().append_pair("response_mode", "query.jwt");
    let callback: url::Url = visit(&url, "alice").parse().unwrap();
    let (_, response) = callback.query_pairs().find(|(name, _)| name == "response").expect("a JWT");
    Secret::new(response.into_owned())
}

fn signed_userinfo(realm: &Realm, access_token: &Secret) -> Secret {
    let url = realm.metadata.userinfo_endpoint.as_ref().unwrap().as_str().to_owned();
    let request = ureq::get(&url).header("authorization", format!("Bearer {}", access_token.expose()));
    Secret::new(request.call().unwrap().body_mut().read_to_string().unwrap())
}

/// The token that Keycloak sends to the back channel of a client when its user logs out.
fn logout_token(realm: &Realm) -> Secret {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let back = format!("http://{}/", server.local_addr().unwrap());
    realm.admin(
        &format!("/{}/clients", realm.name),
        &json!({"clientId": "told-of-logouts", "publicClient": true, "redirectUris": ["https://app.example/callback"],
            "attributes": {"backchannel.logout.url": back, "backchannel.logout.session.required": "true"}}),
    );
    let client = realm.client("told-of-logouts").build().unwrap();
    let login = log_in(realm, &client, "alice");
    let (url, token) =
        (format!("{}/protocol/openid-connect/logout", realm.issuer), refresh_token(&login).clone());
    let leaving = std::thread::spawn(move || {
        let form = [("client_id", "told-of-logouts"), ("refresh_token", token.expose())];
        ureq::post(&url).send_form(form).unwrap().status()
    });
    let (connection, _) = server.accept().unwrap();
    let mut reader = BufReader::new(&connection);
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        let line = line.trim().to_ascii_lowercase();
        if let Some(told) = line.strip_prefix("content-length:") {
            length = told.trim().parse().unwrap();
        }
        if line.is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    (&connection).write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").unwrap();
    assert_eq!(leaving.join().unwrap(), 204);
    let mut form = url::form_urlencoded::parse(&body);
    let (_, token) = form.find(|(name, _)| name == "logout_token").expect("a logout token");
    Secret::new(token.into_owned())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_refusal_of_a_good_token_names_the_setting_that_lets_it_in() {
    let Some(realm) = lab() else { return };
    let (strict, _) = gate(realm, |issuer| issuer);
    let token = login(realm, "audience").tokens.access_token;
    assert_eq!(refusal(&strict, &token).await, says("token_typ", KIND));
    let token = login(realm, "at-jwt").tokens.access_token;
    assert_eq!(
        refusal(&strict, &token).await,
        says(
            "token_missing_claim",
            "the access token is refused: the token lacks the claim `client_id` \
                (`AccessTokenVerifier::without_required_claim` does without it)"
        )
    );
    // A client without a mapper for the audience. The text says what the token has.
    let token = login(realm, "public").tokens.access_token;
    let (preset, _) = gate(realm, |_| TrustedIssuer::keycloak(&*realm.issuer));
    assert_eq!(
        refusal(&preset, &token).await,
        says(
            "token_audience",
            "the access token is refused: the token is not meant (`aud`) for this client or resource \
                (`AccessTokenVerifier::or_audience` adds a name of this API); this server expects `https://api.example`, \
                and the token has `account`"
        )
    );
    let (named, _) = gate(realm, |_| {
        TrustedIssuer::keycloak(&*realm.issuer).access_tokens(|tokens| tokens.or_audience("account"))
    });
    assert!(ask(&named, &token).await.is_ok(), "the setting that the text names");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lightweight_tokens_are_introspected_when_asked_and_otherwise_the_refusal_says_how() {
    let Some(realm) = lab() else { return };
    let preset = || TrustedIssuer::keycloak(&*realm.issuer);
    let asks = introspecting(realm, "api", preset().introspects_jwts());
    let verifies = introspecting(realm, "api", preset().introspects_opaque_tokens());
    for (client, lacks) in
        [("lightweight-bare", Some("aud")), ("lightweight-at-jwt", Some("sub")), ("lightweight", None)]
    {
        let login = login(realm, client);
        let token = &login.tokens.access_token;
        assert!(part(token, 1).get("sub").is_none(), "{client}");
        // Keycloak says what its token leaves out.
        let access = ask(&asks, token).await.unwrap_or_else(|denied| panic!("{client}: {denied}"));
        assert_eq!(access.subject(), Some(&*login.id_token.sub));
        assert_eq!(access.client_id(), Some(client));
        assert!(
            access.has_role("/realm_access/roles", "admin") && access.audience().any(|name| name == "api")
        );
        for other in [&login.id_token.token, refresh_token(&login)] {
            assert_eq!(refusal(&asks, other).await, says("token_inactive", INACTIVE), "{client}");
        }
        match lacks {
            Some(lacks) => {
                let (code, text) = refusal(&verifies, token).await;
                assert_eq!(code, "token_missing_claim");
                assert!(text.contains(&format!("the token lacks the claim `{lacks}` (")), "{text}");
                assert!(text.contains("`TrustedIssuer::introspects_jwts` asks the issuer"), "{text}");
            }
            // Its `aud` names this API. Nobody knows the user.
            None => assert_eq!(ask(&verifies, token).await.unwrap().subject(), None),
        }
        assert_eq!(refusal(&verifies, &login.id_token.token).await.0, "token_audience", "{client}");
        assert_eq!(refusal(&verifies, refresh_token(&login)).await, says("jws_alg_not_allowed", ALGORITHM));
    }
    // Keycloak tells a client nothing about the tokens for other APIs.
    let token = login(realm, "audience").tokens.access_token;
    assert_eq!(refusal(&asks, &token).await, says("token_inactive", INACTIVE));
}

/// Keycloak calls an ID token active if its own client asks.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_id_token_that_keycloak_calls_active_is_refused_all_the_same() {
    let Some(realm) = lab() else { return };
    let login = login(realm, "confidential");
    let id_token = &login.id_token.token;
    let client = realm.client("confidential").build().unwrap();
    let said =
        block_in_place(|| realm.http.run(client.introspect(id_token, None, moment()).unwrap()).unwrap());
    assert!(said.active && said.aud.contains(&"confidential".to_owned()), "Keycloak 26.7 does so");
    let preset = TrustedIssuer::keycloak(&*realm.issuer);
    let asks = introspecting(realm, "confidential", preset.introspects_jwts());
    assert_eq!(refusal(&asks, id_token).await, says("token_typ", KIND));
    assert_eq!(refusal(&asks, refresh_token(&login)).await, says("token_inactive", INACTIVE));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_axum_application_answers_the_tokens_of_keycloak_with_the_right_status_and_challenge() {
    let Some(realm) = lab() else { return };
    let api = Router::new()
        .route("/mail", get(async |access: Access| access.subject().unwrap_or_default().to_owned()))
        .route("/orders", get(async || "orders").layer(require_scope("orders:write")))
        .layer(protect(lenient(realm, "audience")));
    let login = login(realm, "audience");
    let call = async |path: &str, token: &Secret| {
        let request = http::Request::get(path).header("authorization", format!("Bearer {}", token.expose()));
        let Ok(response) = api.clone().call(request.body(Body::empty()).unwrap()).await;
        let (head, body) = response.into_parts();
        let body = String::from_utf8(axum::body::to_bytes(body, 1 << 16).await.unwrap().to_vec()).unwrap();
        let challenge = head.headers.get("www-authenticate").map(|value| value.to_str().unwrap().to_owned());
        (head.status.as_u16(), challenge.unwrap_or(body))
    };
    let token = &login.tokens.access_token;
    assert_eq!(call("/mail", token).await, (200, login.id_token.sub.clone()));
    let (status, challenge) = call("/orders", token).await;
    assert!(status == 403 && challenge.contains(r#"error="insufficient_scope""#), "{challenge}");
    for (other, why) in [
        (&login.id_token.token, "the token is an ID token, and not an access token"),
        (refresh_token(&login), "the JWT has an `alg` that is not one of those allowed"),
    ] {
        let (status, challenge) = call("/mail", other).await;
        assert!(status == 401 && challenge.contains(r#"error="invalid_token""#), "{challenge}");
        assert!(challenge.contains(why) && !challenge.contains("AccessTokenVerifier"), "{challenge}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_handle_verifies_the_same_tokens_with_the_settings_of_the_preset() {
    let Some(realm) = lab() else { return };
    for client in ["audience", "at-jwt", "nonce"] {
        let login = login(realm, client);
        let (issuer, of) = (realm.clone(), client.to_owned());
        let handle = realm.http.provider(&realm.issuer).audience(RESOURCE).access_tokens(move |tokens| {
            let tokens = tokens.accept_plain_jwt().without_required_claim(RequiredClaim::ClientId);
            every_audience(tokens, &issuer, &of)
        });
        let handle = handle.build().unwrap();
        let verify = |token: &Secret| {
            block_in_place(|| {
                handle.verify(token.expose(), |token| token.claims().sub.as_deref().map(str::to_owned))
            })
        };
        assert_eq!(verify(&login.tokens.access_token), Ok(Some(login.id_token.sub.clone())), "{client}");
        for (other, code, text) in [
            (&login.id_token.token, "token_is_id_token", "the token is an ID token, and not an access token"),
            (
                refresh_token(&login),
                "jws_alg_not_allowed",
                "the JWT has an `alg` that is not one of those allowed",
            ),
        ] {
            let error = verify(other).unwrap_err();
            assert!(matches!(error, ProviderError::AccessToken(_)), "another token would help: {error}");
            assert_eq!(error.code(), code);
            assert!(error.to_string().contains(text), "{client}: {error}");
        }
    }
}
