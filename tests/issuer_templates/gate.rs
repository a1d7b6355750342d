//! APIs that trust a provider with many tenants, end to end: from the token of a tenant through the layer
//! of tower and the gate to the keys that all tenants share.

use super::*;
use oidc_drive::{
    Gate, Io,
    gate::{GateBuilder, GateError, KeySource},
};
use oidc_proto::{
    EndpointUrl, UrlPolicy,
    base::base64url,
    flow::Request,
    jose::Algorithm,
    resource::{Access, MAX_ISSUER_TEMPLATES, ResourceServer, ResourceServerError, TrustedIssuer},
};
use oidc_tower::ProtectLayer;
use serde_json::json;
use std::{
    convert::Infallible,
    future::{Ready, pending, poll_fn, ready},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
};
use tower_layer::Layer;
use tower_service::Service;

const API: &str = "https://api.example";

type Shared = Arc<Mutex<TestProvider>>;

fn lock(provider: &Shared) -> MutexGuard<'_, TestProvider> {
    provider.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The service behind the gate. It returns the issuer of the access, and the tenant in its record.
#[derive(Clone)]
struct Api;

impl Service<http::Request<()>> for Api {
    type Response = http::Response<String>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<()>) -> Self::Future {
        let access: &Access = oidc_tower::access(request.extensions()).unwrap();
        ready(Ok(http::Response::new(access.issuer().to_owned())))
    }
}

fn io(providers: &[&Shared]) -> Io {
    let providers: Vec<Shared> = providers.iter().map(|provider| Arc::clone(provider)).collect();
    let send = move |request: Request, _| {
        let url = request.uri().to_string();
        let of = providers.iter().find(|provider| url.starts_with(lock(provider).issuer()));
        let answer = of.map(|provider| lock(provider).handle(&request, NOW));
        ready(answer.ok_or("nobody is there"))
    };
    Io::new(send, |task| drop(tokio::spawn(task)), |_| pending())
}

fn trusted(allowed: AllowedTenants) -> TrustedIssuer {
    TrustedIssuer::new(COMMON).access_tokens(|demands| demands.issuer_rule(rule(allowed)))
}

fn gate(providers: &[&Shared], issuers: impl IntoIterator<Item = TrustedIssuer>) -> GateBuilder {
    let server =
        issuers.into_iter().fold(ResourceServer::builder(API), |server, issuer| server.trust(issuer));
    Gate::builder(server.build().unwrap(), io(providers)).clock(|| moment(NOW))
}

/// The status, and the answer of the API or the verdict.
async fn call(gate: &Gate, token: &str) -> (u16, String) {
    let mut api = ProtectLayer::new(gate.clone()).layer(Api);
    let Ok(()) = poll_fn(|context| api.poll_ready(context)).await;
    let request = http::Request::get("/").header("authorization", format!("Bearer {token}"));
    let Ok(response) = api.call(request.body(()).unwrap()).await;
    (response.status().as_u16(), response.into_body())
}

/// An access token as the provider issues it.
fn mint(provider: &Shared) -> String {
    let (provider, rule) = (&mut *lock(provider), rule(AllowedTenants::AnyUuid));
    let options = DiscoveryOptions::new(&policy()).issuer_rule(rule.clone());
    let issuer = provider.issuer().to_owned();
    let metadata = run(provider, Discovery::with(&issuer, options).unwrap()).unwrap();
    let client = Client::builder(metadata, "app").secret(SECRET).issuer_rule(rule).build().unwrap();
    let wanted = oidc_proto::flow::ClientCredentialsRequest::default();
    let tokens = run(
        provider,
        client.client_credentials_once(&wanted, oidc_proto::Moment::new(NOW, [7; 32])).unwrap(),
    )
    .unwrap();
    tokens.access_token.expose().to_owned()
}

/// A token of the shared provider that names this issuer and this tenant.
fn token(provider: &Shared, iss: &str, tid: Option<&str>) -> String {
    {
        let provider = &mut *lock(provider);
        provider.clear_alterations();
        provider.alter_response(EndpointName::Discovery, hostile::set_member("issuer", TEMPLATE));
        provider.alter_access_token(hostile::set_claim("iss", iss));
        if let Some(tid) = tid {
            provider.alter_access_token(hostile::set_claim("tid", tid));
        }
    }
    mint(provider)
}

fn shared() -> Shared {
    Arc::new(Mutex::new(provider(&issuer(ACME), Some(ACME))))
}

#[tokio::test]
async fn tokens_of_two_tenants_are_accepted_each_with_its_own_access() {
    let provider = shared();
    let gate = gate(&[&provider], [trusted(AllowedTenants::AnyUuid)]).build().unwrap();
    for tenant in [ACME, OTHER, ACME] {
        let good = token(&provider, &issuer(tenant), Some(tenant));
        assert_eq!(call(&gate, &good).await, (200, issuer(tenant)));
    }
    assert_eq!(lock(&provider).count(EndpointName::Jwks), 1, "the tenants share their keys");
    assert_eq!(gate.key_counters(COMMON).unwrap().renewals, 1);
}

#[tokio::test]
async fn a_token_that_does_not_fill_in_the_template_with_its_own_tenant_is_refused() {
    let provider = shared();
    for (iss, tid, allowed) in [
        (issuer(OTHER), Some(OTHER), AllowedTenants::List(vec![ACME.into()])),
        (issuer(ACME), Some(OTHER), AllowedTenants::AnyUuid),
        (issuer(ACME), None, AllowedTenants::AnyUuid),
        (issuer("common"), Some("common"), AllowedTenants::AnyUuid),
        (COMMON.to_owned(), Some("common"), AllowedTenants::AnyUuid),
        (TEMPLATE.to_owned(), Some("{tenantid}"), AllowedTenants::AnyUuid),
        (format!("https://evil.example/{ACME}/v2.0"), Some(ACME), AllowedTenants::AnyUuid),
    ] {
        let gate = gate(&[&provider], [trusted(allowed)]).build().unwrap();
        let (status, body) = call(&gate, &token(&provider, &iss, tid)).await;
        assert_eq!((status, body.as_str()), (401, r#"{"error":"invalid_token"}"#), "{iss} {tid:?}");
    }
}

#[tokio::test]
async fn a_key_of_one_tenant_signs_for_no_other_at_a_gate() {
    for (of, status) in [(TEMPLATE.to_owned(), 200), (issuer(ACME), 200), (issuer(OTHER), 401)] {
        let provider = shared();
        let good = token(&provider, &issuer(ACME), Some(ACME));
        let mut set = lock(&provider).key_set();
        for key in set["keys"].as_array_mut().unwrap() {
            key["issuer"] = of.as_str().into();
        }
        lock(&provider).alter_response(EndpointName::Jwks, hostile::set_member("keys", set["keys"].clone()));
        let gate = gate(&[&provider], [trusted(AllowedTenants::AnyUuid)]).build().unwrap();
        assert_eq!(call(&gate, &good).await.0, status, "a key of {of}");
    }
}

/// A tenant that is trusted by its own name has its own keys and settings, in whichever order it is named.
#[tokio::test]
async fn a_template_does_not_replace_an_issuer_that_is_trusted_by_name() {
    let common = shared();
    let mut own = TestProvider::new(issuer(ACME));
    own.register(Registration::basic("app", SECRET).grant_type("client_credentials"));
    own.alter_access_token(hostile::set_claim("tid", ACME));
    own.rotate_keys();
    let own = Arc::new(Mutex::new(own));
    let by_name = || TrustedIssuer::new(issuer(ACME));
    let any = || trusted(AllowedTenants::AnyUuid);
    for issuers in [[by_name(), any()], [any(), by_name()]] {
        let gate = gate(&[&common, &own], issuers).build().unwrap();
        assert_eq!(call(&gate, &mint(&own)).await, (200, issuer(ACME)));
        let forged = token(&common, &issuer(ACME), Some(ACME));
        assert_eq!(call(&gate, &forged).await.0, 401, "the keys of the other tenants do not count for it");
        let good = token(&common, &issuer(OTHER), Some(OTHER));
        assert_eq!(call(&gate, &good).await, (200, issuer(OTHER)));
    }
}

#[test]
fn settings_that_would_accept_no_token_are_refused() {
    let build = |issuers: Vec<TrustedIssuer>| {
        let server = issuers.into_iter().fold(ResourceServer::builder(API), |server, one| server.trust(one));
        server.build().map(drop)
    };
    let any = || AllowedTenants::AnyUuid;
    assert_eq!(build(vec![TrustedIssuer::new(TEMPLATE)]), Err(ResourceServerError::Template));
    let by_rule =
        |name: &str, rule| TrustedIssuer::new(name).access_tokens(|demands| demands.issuer_rule(rule));
    let by_template = || by_rule(TEMPLATE, rule(any()));
    assert_eq!(build(vec![by_template()]), Ok(()), "keys may come by another way");
    // Two templates match the same tenant, so its keys would be ambiguous.
    let twice = |allowed| by_rule("https://login.example/else", rule(allowed));
    assert_eq!(build(vec![trusted(any()), twice(any())]), Err(ResourceServerError::IssuerTwice));
    let one = AllowedTenants::List(vec![ACME.into()]);
    assert_eq!(build(vec![trusted(any()), twice(one.clone())]), Err(ResourceServerError::IssuerTwice));
    let other = AllowedTenants::List(vec![OTHER.into()]);
    assert_eq!(build(vec![trusted(one), twice(other)]), Ok(()));
    let many = |count| {
        let numbered = |at: usize| {
            let template = format!("https://login.example/{at}/{{tenantid}}");
            let rule = IssuerRule::template(template, "tid", AllowedTenants::AnyUuid).unwrap();
            by_rule(&format!("https://login.example/{at}"), rule)
        };
        build((0..count).map(numbered).collect())
    };
    assert_eq!(many(MAX_ISSUER_TEMPLATES), Ok(()));
    assert_eq!(many(MAX_ISSUER_TEMPLATES + 1), Err(ResourceServerError::TooManyIssuers));

    let nobody: [&Shared; 0] = [];
    let with = |rule: &IssuerRule| {
        KeySource::Metadata(Box::new(DiscoveryOptions::new(&UrlPolicy::default()).issuer_rule(rule.clone())))
    };
    let wrong = |issuer: TrustedIssuer, source| {
        gate(&nobody, [issuer]).keys_of(COMMON, source).build().map(drop).err()
    };
    let of_template = GateError::IssuerRule(COMMON.to_owned());
    assert_eq!(wrong(TrustedIssuer::new(COMMON), with(&rule(any()))), Some(of_template.clone()));
    let list = AllowedTenants::List(vec![ACME.into()]);
    assert_eq!(wrong(trusted(any()), with(&rule(list))), Some(of_template));
    assert_eq!(wrong(trusted(any()), with(&rule(any()))), None, "set twice");
    let built = gate(&nobody, [by_template()]).build().map(drop);
    assert_eq!(built, Err(GateError::Template(TEMPLATE.to_owned())));
    let url = EndpointUrl::parse("https://login.example/common/keys", &UrlPolicy::default()).unwrap();
    assert!(gate(&nobody, [by_template()]).keys_of(TEMPLATE, KeySource::JwksUri(url)).build().is_ok());
}

/// An introspection response must follow the same rule.
#[tokio::test]
async fn an_introspection_response_must_name_an_allowed_tenant_twice_too() {
    let said = |iss: Option<String>, tid: Option<&str>| {
        let mut said = json!({"active": true, "aud": API, "client_id": "robot"});
        for (name, value) in [("iss", iss), ("tid", tid.map(str::to_owned))] {
            if let Some(value) = value {
                said[name] = value.into();
            }
        }
        said
    };
    for (said, answer) in [
        (said(Some(issuer(ACME)), Some(ACME)), (200, issuer(ACME))),
        (said(Some(issuer(ACME)), Some(OTHER)), (401, String::new())),
        (said(Some(issuer(ACME)), None), (401, String::new())),
        (said(Some(COMMON.to_owned()), Some(ACME)), (401, String::new())),
        (said(None, Some(ACME)), (401, String::new())),
    ] {
        let body = said.to_string();
        let metadata = json!({
            "issuer": TEMPLATE, "jwks_uri": "https://login.example/common/v2.0/jwks",
            "introspection_endpoint": "https://login.example/common/v2.0/introspect",
        });
        let send = move |request: Request, _| {
            let body = if request.uri().path().ends_with("/introspect") {
                body.clone()
            } else {
                metadata.to_string()
            };
            let response = http::Response::builder().header("content-type", "application/json");
            ready(Ok::<_, Infallible>(response.body(body.into_bytes()).unwrap()))
        };
        let server = ResourceServer::builder(API);
        let server =
            server.trust(trusted(AllowedTenants::AnyUuid).introspects_opaque_tokens()).build().unwrap();
        let io = Io::new(send, |task| drop(tokio::spawn(task)), |_| pending());
        let gate = Gate::builder(server, io).clock(|| moment(NOW));
        let gate =
            gate.introspection(|metadata| Client::builder(metadata, "api").secret("its secret").build());
        let (status, body) = call(&gate.build().unwrap(), "opaque").await;
        let body = if status == 200 { body } else { String::new() };
        assert_eq!((status, body), answer, "{said}");
    }
}

/// The handle gets the rule once, with the request for the metadata.
#[test]
fn a_handle_discovers_and_verifies_by_the_same_rule() {
    let provider = shared();
    let good = token(&provider, &issuer(ACME), Some(ACME));
    let foreign = token(&provider, &issuer(OTHER), Some(ACME));
    let (answers, options) = (Arc::clone(&provider), DiscoveryOptions::new(&policy()));
    let io = oidc_drive::blocking::Io::new(move |request: Request, _| {
        Ok::<_, Infallible>(lock(&answers).handle(&request, NOW))
    });
    let handle = oidc_drive::blocking::Provider::builder(COMMON, io.with_spawn(|job| job()))
        .discovery(options.issuer_rule(rule(AllowedTenants::AnyUuid)))
        .client_id("app")
        .secret(SECRET)
        .audience(API)
        .clock(|| moment(NOW))
        .build()
        .unwrap();
    let verify = |token: &str| handle.verify(token, |token| token.claims().iss.as_deref().map(str::to_owned));
    assert_eq!(verify(&good).unwrap(), Some(issuer(ACME)));
    assert_eq!(verify(&foreign).unwrap_err().code(), "token_issuer");
    assert!(handle.client().is_ok(), "the client need not get the rule either");
}

/// Users of all tenants log in, and the API is for one of them: the wider rule must not win in silence.
#[tokio::test]
async fn a_handle_takes_no_wider_rule_for_the_one_that_it_was_told_to_trust() {
    let foreign = shared();
    let token = token(&foreign, &issuer(OTHER), Some(OTHER));
    let all = || DiscoveryOptions::new(&policy()).issuer_rule(rule(AllowedTenants::AnyUuid));
    let one = || trusted(AllowedTenants::List(vec![ACME.to_owned()]));
    let built = |discovery: DiscoveryOptions, trusted: TrustedIssuer| {
        oidc_drive::Provider::builder(COMMON, io(&[&foreign]))
            .discovery(discovery)
            .trust(trusted)
            .audience(API)
            .clock(|| moment(NOW))
            .build()
    };
    match built(all(), one()) {
        Err(error) => assert_eq!(error.code(), "config_two_issuer_rules", "{error}"),
        Ok(handle) => {
            panic!("accepted: {:?}", handle.verify(&token, |token| token.claims().iss.is_some()).await)
        }
    }
    // The same rule twice is one rule, and rules that say nothing of issuers leave that of the metadata.
    for same in [trusted(AllowedTenants::AnyUuid), TrustedIssuer::new(COMMON)] {
        let handle = built(all(), same).unwrap();
        assert_eq!(handle.verify(&token, |_| ()).await, Ok(()));
    }
}

/// AD FS: the metadata has one issuer, and the access tokens have another. Neither a gate nor a handle takes the other
/// one for it.
#[tokio::test]
async fn access_tokens_have_another_issuer_than_the_metadata_at_a_gate_and_a_handle() {
    const NAME: &str = "https://fs.example/adfs";
    const TRUST: &str = "http://fs.example/adfs/services/trust";
    let (keys, now) = (oidc_testkit::KeyRing::new(), NOW.0);
    let (key, kid) = keys.signer(Algorithm::RS256, 1, None);
    let claims = |iss: &str| {
        json!({"iss": iss, "aud": API, "appid": "client-1", "apptype": "Confidential", "scp": ["orders", "openid"],
               "iat": now, "exp": now + 300, "ver": "1.0"})
    };
    let encode = |part: &serde_json::Value| base64url::encode(part.to_string().as_bytes());
    let sign = |iss: &str| {
        let header = json!({"typ": "JWT", "alg": "RS256", "kid": kid});
        let signed = format!("{}.{}", encode(&header), encode(&claims(iss)));
        format!("{signed}.{}", base64url::encode(&key.sign(signed.as_bytes()).unwrap()))
    };
    let (good, bad) = (sign(TRUST), sign(NAME));
    let jwks = keys.document();
    let send = move |request: Request, _| {
        let document = json!({"issuer": NAME, "access_token_issuer": TRUST, "jwks_uri": "https://fs.example/adfs/keys",
                              "authorization_endpoint": "https://fs.example/adfs/oauth2/authorize",
                              "token_endpoint": "https://fs.example/adfs/oauth2/token",
                              "response_types_supported": ["code"], "subject_types_supported": ["pairwise"],
                              "id_token_signing_alg_values_supported": ["RS256"]});
        let body = if request.uri().path() == "/adfs/keys" { jwks.clone() } else { document };
        let response = http::Response::builder().header("content-type", "application/json");
        Ok::<_, Infallible>(response.body(body.to_string().into_bytes()).unwrap())
    };
    let sends = send.clone();
    let io =
        Io::new(move |request, by| ready(sends(request, by)), |task| drop(tokio::spawn(task)), |_| pending());
    let server = ResourceServer::builder(API).trust(TrustedIssuer::adfs("fs.example")).build().unwrap();
    let gate = Gate::builder(server, io).clock(|| moment(NOW)).build().unwrap();
    assert_eq!(call(&gate, &good).await, (200, TRUST.to_owned()));
    assert_eq!(call(&gate, &bad).await.0, 401);
    let io = oidc_drive::blocking::Io::new(send);
    let handle = oidc_drive::blocking::Provider::builder(NAME, io.with_spawn(|job| job()))
        .audience(API)
        .access_tokens(|t| t.issuer_rule(IssuerRule::exact(TRUST)).accept_plain_jwt())
        .clock(|| moment(NOW))
        .build()
        .unwrap();
    let read = |token: &str| {
        handle.verify(token, |token| {
            let scopes: Vec<String> = token.scopes().map(str::to_owned).collect();
            (token.client_id().map(str::to_owned), scopes)
        })
    };
    assert_eq!(
        read(&good).unwrap(),
        (Some("client-1".to_owned()), vec!["orders".to_owned(), "openid".to_owned()])
    );
    let refused = read(&bad).unwrap_err();
    assert_eq!(refused.code(), "token_issuer");
    assert!(refused.to_string().contains("`AccessTokenVerifier::issuer_rule`"), "{refused}");
}

/// Google: the metadata has one name, and some tokens have another one. A gate and a handle take both, if they are told to.
#[tokio::test]
async fn a_second_name_of_the_issuer_is_taken_at_a_gate_and_a_handle() {
    for second in ["login.example", "urn:example:login", "http://login.example/common"] {
        let both = || IssuerRule::exact(COMMON).or_exact(second);
        let provider = Arc::new(Mutex::new(TestProvider::new(COMMON)));
        {
            let mut provider = lock(&provider);
            provider.default_resource(API);
            let grants = ["authorization_code", "refresh_token", "client_credentials"];
            let app = Registration::basic("app", SECRET).grant_types(grants).redirect_uri(CALLBACK);
            provider.register(app);
            provider.alter_id_token(hostile::set_claim("iss", second));
            provider.alter_access_token(hostile::set_claim("iss", second));
        }
        let answers = Arc::clone(&provider);
        let handle = |told: bool| {
            let answers = Arc::clone(&answers);
            let io = oidc_drive::blocking::Io::new(move |request: Request, _| {
                Ok::<_, Infallible>(lock(&answers).handle(&request, NOW))
            });
            let io = io.with_spawn(|job| job());
            let options = DiscoveryOptions::new(&policy());
            let options = if told { options.issuer_rule(both()) } else { options };
            let builder = oidc_drive::blocking::Provider::builder(COMMON, io).discovery(options);
            let builder = builder.client_id("app").secret(SECRET).redirect_uri(CALLBACK).audience(API);
            builder.clock(|| moment(NOW)).build().unwrap()
        };
        let log_in = |handle: &oidc_drive::blocking::Provider| {
            let (url, pending) = handle.authorize(&AuthorizationRequest::new(["profile"])).unwrap();
            let Landing::Callback(callback) = Browser::new().visit(&mut lock(&provider), url.as_str(), NOW)
            else {
                panic!()
            };
            handle.callback(pending, AuthorizationResponse::from_url(&callback).unwrap())
        };
        let (strict, told) = (handle(false), handle(true));
        let refused = log_in(&strict).map(drop).unwrap_err();
        assert_eq!(refused.code(), "token_issuer");
        assert!(refused.to_string().contains("`IssuerRule::or_exact`"), "{refused}");
        let user = log_in(&told).unwrap();
        assert_eq!(user.id_token.iss, second);
        let refreshed = told
            .refresh(user.tokens.refresh_token.as_ref().unwrap(), Some(PreviousLogin::from(&user.id_token)));
        assert_eq!(refreshed.unwrap().id_token.as_ref().unwrap().iss, second);

        let wanted = oidc_proto::flow::ClientCredentialsRequest::default();
        let token = told.client_credentials(&wanted).unwrap().value.access_token.clone();
        let verify = |handle: &oidc_drive::blocking::Provider| {
            handle.verify(token.expose(), |token| token.claims().iss.as_deref().map(str::to_owned))
        };
        assert_eq!(verify(&told).unwrap().as_deref(), Some(second));
        assert!(verify(&strict).unwrap_err().to_string().contains("`IssuerRule::or_exact`"));
        let rule = TrustedIssuer::new(COMMON).access_tokens(|tokens| tokens.issuer_rule(both()));
        let (named, plain) = (gate(&[&provider], [rule]), gate(&[&provider], [TrustedIssuer::new(COMMON)]));
        assert_eq!(call(&named.build().unwrap(), token.expose()).await, (200, second.to_owned()));
        assert_eq!(call(&plain.build().unwrap(), token.expose()).await.0, 401);
    }
}
