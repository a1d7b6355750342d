//! A provider with many tenants behind one metadata document. The template of its issuer is an explicit
//! rule, and a token must name an allowed tenant twice, in `iss` and in a claim of its own.

mod gate;

use oidc_proto::{
    Error, Moment, Timestamp, UrlPolicy,
    flow::{
        Authenticated, CallbackError, Client, ConfigError, Discovery, DiscoveryOptions, Flow, PreviousLogin,
        ResponseRule, Step,
    },
    jose::KeySet,
    message::{AuthorizationRequest, AuthorizationResponse},
    metadata::{MetadataError, ProviderMetadata},
    token::{AccessTokenVerifier, AllowedTenants, IssuerRule, Scratch, SignatureCache, VerificationError},
};
use oidc_testkit::{Browser, Clock, EndpointName, Landing, Registration, Seed, TestProvider, drive, hostile};
use serde_json::Value;

const NOW: Timestamp = Timestamp(1_800_000_000);
const SECRET: &str = "a secret: 100% + 64 characters or more, so that HS512 can sign too..";
const COMMON: &str = "https://login.example/common/v2.0";
const TEMPLATE: &str = "https://login.example/{tenantid}/v2.0";
const ACME: &str = "11111111-2222-4333-8444-5555aaaabbbb";
const OTHER: &str = "99999999-2222-4333-8444-5555aaaabbbb";
const CALLBACK: &str = "https://app.example/callback";

fn policy() -> UrlPolicy {
    UrlPolicy::default()
}

fn moment(now: Timestamp) -> Moment {
    Moment::new(now, [7; 32])
}

/// Runs a flow to its end.
fn run<F: Flow>(provider: &mut TestProvider, step: impl Into<Step<F>>) -> Result<F::Output, Error> {
    drive(step, provider, &mut Clock::new(NOW, Seed::new(7)))
}

fn issuer(tenant: &str) -> String {
    format!("https://login.example/{tenant}/v2.0")
}

fn rule(allowed: AllowedTenants) -> IssuerRule {
    IssuerRule::template(TEMPLATE, "tid", allowed).unwrap()
}

/// A provider with one document for all tenants, and with tokens of one of them.
fn provider(iss: &str, tid: Option<&str>) -> TestProvider {
    let mut provider = TestProvider::new(COMMON);
    provider.issuer_in_callback(false);
    let app = Registration::basic("app", SECRET).redirect_uri(CALLBACK);
    provider.register(app.grant_type("client_credentials"));
    provider.alter_response(EndpointName::Discovery, hostile::set_member("issuer", TEMPLATE));
    provider.alter_id_token(hostile::set_claim("iss", iss));
    provider.alter_access_token(hostile::set_claim("iss", iss));
    if let Some(tid) = tid {
        provider.alter_id_token(hostile::set_claim("tid", tid));
        provider.alter_access_token(hostile::set_claim("tid", tid));
    }
    provider
}

fn discover(provider: &mut TestProvider, rule: &IssuerRule) -> ProviderMetadata {
    let options = DiscoveryOptions::new(&policy()).issuer_rule(rule.clone());
    run(provider, Discovery::with(COMMON, options).unwrap()).unwrap()
}

fn client(provider: &mut TestProvider, rule: &IssuerRule) -> Client {
    let metadata = discover(provider, rule);
    Client::builder(metadata, "app")
        .secret(SECRET)
        .redirect_uri(CALLBACK)
        .issuer_rule(rule.clone())
        .build()
        .unwrap()
}

fn log_in(provider: &mut TestProvider, client: &Client) -> Result<Authenticated, Error> {
    let (url, pending) = client.authorize(&AuthorizationRequest::new(["profile"]), moment(NOW)).unwrap();
    let Landing::Callback(callback) = Browser::new().visit(provider, url.as_str(), NOW) else { panic!() };
    let response = AuthorizationResponse::from_url(&callback).unwrap();
    run(provider, pending.callback(client, None, response, moment(NOW))?)
}

#[test]
fn a_user_of_an_allowed_tenant_logs_in_and_refreshes() {
    for allowed in [AllowedTenants::AnyUuid, AllowedTenants::List(vec![ACME.into()])] {
        let mut provider = provider(&issuer(ACME), Some(ACME));
        let client = client(&mut provider, &rule(allowed));
        let user = log_in(&mut provider, &client).unwrap();
        assert_eq!(user.id_token.iss, issuer(ACME));
        let refresh_token = user.tokens.refresh_token.unwrap();
        let previous = Some(PreviousLogin::from(&user.id_token));
        let call =
            client.refresh(&refresh_token, previous, None, oidc_proto::Moment::new(NOW, [7; 32])).unwrap();
        assert_eq!(run(&mut provider, call).unwrap().id_token.unwrap().iss, issuer(ACME));
        provider.assert_clean();
    }
}

#[test]
fn a_token_names_an_allowed_tenant_twice_or_is_refused() {
    let acme = || AllowedTenants::List(vec![ACME.into()]);
    for (iss, tid, allowed) in [
        (issuer(OTHER), Some(OTHER), acme()),
        (issuer(ACME), Some(OTHER), acme()),
        (issuer(OTHER), Some(ACME), acme()),
        (issuer(ACME), None, acme()),
        (issuer(ACME), Some(OTHER), AllowedTenants::AnyUuid),
        (issuer("common"), Some("common"), AllowedTenants::AnyUuid),
        (TEMPLATE.to_owned(), Some("{tenantid}"), AllowedTenants::AnyUuid),
        (format!("{}/", issuer(ACME)), Some(ACME), AllowedTenants::AnyUuid),
        (format!("https://evil.example/{ACME}/v2.0"), Some(ACME), AllowedTenants::AnyUuid),
        (COMMON.to_owned(), None, AllowedTenants::AnyUuid),
    ] {
        let mut provider = provider(&iss, tid);
        let client = client(&mut provider, &rule(allowed.clone()));
        let refused = log_in(&mut provider, &client).err();
        assert_eq!(refused, Some(Error::Token(VerificationError::Issuer)), "{iss} {tid:?}");
        let verdict = verify(&mut provider, &rule(allowed)).map(|_| ());
        assert_eq!(
            verdict,
            Err(VerificationError::Issuer),
            "the verifier has the same verdict on {iss} {tid:?}"
        );
    }
}

#[test]
fn without_the_rule_a_template_is_no_issuer() {
    let mut provider = provider(&issuer(ACME), Some(ACME));
    let ended = run(&mut provider, Discovery::start(COMMON, &policy()).unwrap());
    let Err(Error::Response(error)) = ended else { panic!() };
    assert!(matches!(error.rule, ResponseRule::Metadata(MetadataError::Issuer { .. })));
    let exact = DiscoveryOptions::new(&policy()).issuer_rule(IssuerRule::exact(TEMPLATE));
    assert!(
        run(&mut provider, Discovery::with(COMMON, exact).unwrap()).is_err(),
        "another rule does not help"
    );
    let elsewhere = IssuerRule::template("https://x.example/{t}", "tid", AllowedTenants::AnyUuid).unwrap();
    let options = DiscoveryOptions::new(&policy()).issuer_rule(elsewhere.clone());
    assert!(run(&mut provider, Discovery::with(COMMON, options).unwrap()).is_err());
    // A client takes only a rule that fits its provider.
    let metadata = discover(&mut provider, &rule(AllowedTenants::AnyUuid));
    let built = Client::builder(metadata.clone(), "app").issuer_rule(elsewhere).build();
    assert_eq!(built.err(), Some(ConfigError::IssuerRule));
    // A forgotten rule is safe: no token has the template as its issuer.
    let forgetful = Client::builder(metadata, "app").secret(SECRET).redirect_uri(CALLBACK).build().unwrap();
    assert_eq!(log_in(&mut provider, &forgetful).err(), Some(Error::Token(VerificationError::Issuer)));
}

#[test]
fn metadata_of_one_tenant_is_accepted_with_the_rule_too() {
    let mut provider = TestProvider::new(issuer(ACME));
    provider.register(Registration::basic("app", SECRET).redirect_uri(CALLBACK));
    provider.alter_id_token(hostile::set_claim("tid", ACME));
    let rule = rule(AllowedTenants::AnyUuid);
    let options = DiscoveryOptions::new(&policy()).issuer_rule(rule.clone());
    let metadata = run(&mut provider, Discovery::with(&issuer(ACME), options).unwrap()).unwrap();
    let client = Client::builder(metadata, "app").secret(SECRET).redirect_uri(CALLBACK);
    let client = client.issuer_rule(rule).build().unwrap();
    // Here the callback has `iss`, and it names a tenant.
    assert_eq!(log_in(&mut provider, &client).unwrap().id_token.iss, issuer(ACME));
    provider.assert_clean();
}

#[test]
fn a_callback_of_a_tenant_that_is_not_allowed_is_a_mix_up() {
    let mut provider = provider(&issuer(ACME), Some(ACME));
    let client = client(&mut provider, &rule(AllowedTenants::List(vec![ACME.into()])));
    let (url, pending) = client.authorize(&AuthorizationRequest::new(["profile"]), moment(NOW)).unwrap();
    let Landing::Callback(callback) = Browser::new().visit(&mut provider, url.as_str(), NOW) else {
        panic!()
    };
    let from = |iss: &str| {
        let callback = format!("{callback}&iss={}", iss.replace('{', "%7B").replace('}', "%7D"));
        AuthorizationResponse::from_url(&callback).unwrap()
    };
    for iss in [issuer(OTHER), TEMPLATE.to_owned(), COMMON.to_owned()] {
        let refused = pending.clone().callback(&client, None, from(&iss), moment(NOW)).err();
        assert_eq!(refused, Some(Error::Callback(CallbackError::Issuer)), "{iss}");
    }
    assert!(pending.callback(&client, None, from(&issuer(ACME)), moment(NOW)).is_ok());
}

fn verify(provider: &mut TestProvider, rule: &IssuerRule) -> Result<String, VerificationError> {
    let client = client(provider, rule);
    let wanted = oidc_proto::flow::ClientCredentialsRequest::default();
    let tokens = run(
        provider,
        client.client_credentials_once(&wanted, oidc_proto::Moment::new(NOW, [7; 32])).unwrap(),
    )
    .unwrap();
    let keys = KeySet::parse(provider.key_set().to_string().as_bytes()).unwrap();
    judge(rule, tokens.access_token.expose(), &keys, NOW)
}

fn judge(rule: &IssuerRule, token: &str, keys: &KeySet, now: Timestamp) -> Result<String, VerificationError> {
    let verifier = AccessTokenVerifier::new("unused", "https://api.example").issuer_rule(rule.clone());
    let mut scratch = Scratch::new();
    let verified = verifier.verify(token, keys, &mut scratch, now)?;
    Ok(verified.claims().iss.as_deref().unwrap().to_owned())
}

#[test]
fn a_verifier_accepts_tokens_of_allowed_tenants() {
    let mut provider = provider(&issuer(ACME), Some(ACME));
    assert_eq!(verify(&mut provider, &rule(AllowedTenants::AnyUuid)), Ok(issuer(ACME)));
    let other = rule(AllowedTenants::List(vec![OTHER.into()]));
    assert_eq!(verify(&mut provider, &other), Err(VerificationError::Issuer));
}

#[test]
fn a_key_that_belongs_to_one_tenant_signs_for_no_other() {
    let mut provider = provider(&issuer(ACME), Some(ACME));
    let any = rule(AllowedTenants::AnyUuid);
    let client = client(&mut provider, &any);
    let wanted = oidc_proto::flow::ClientCredentialsRequest::default();
    let tokens = run(
        &mut provider,
        client.client_credentials_once(&wanted, oidc_proto::Moment::new(NOW, [7; 32])).unwrap(),
    )
    .unwrap();
    let token = tokens.access_token.expose();
    let verdict = |of: Option<&str>| {
        let mut set: Value = provider.key_set();
        for key in set["keys"].as_array_mut().unwrap() {
            if let Some(of) = of {
                key["issuer"] = of.into();
            }
        }
        judge(&any, token, &KeySet::parse(set.to_string().as_bytes()).unwrap(), NOW).map(|_| ())
    };
    assert_eq!(verdict(None), Ok(()));
    assert_eq!(verdict(Some(TEMPLATE)), Ok(()));
    assert_eq!(verdict(Some(&issuer(ACME))), Ok(()));
    assert_eq!(verdict(Some(&issuer(OTHER))), Err(VerificationError::KeyIssuer));
}

#[test]
fn a_cached_verdict_of_one_rule_does_not_serve_another() {
    let mut provider = provider(&issuer(ACME), Some(ACME));
    let any = rule(AllowedTenants::AnyUuid);
    let client = client(&mut provider, &any);
    let wanted = oidc_proto::flow::ClientCredentialsRequest::default();
    let tokens = run(
        &mut provider,
        client.client_credentials_once(&wanted, oidc_proto::Moment::new(NOW, [7; 32])).unwrap(),
    )
    .unwrap();
    let mut set: Value = provider.key_set();
    for key in set["keys"].as_array_mut().unwrap() {
        key["issuer"] = issuer(OTHER).into();
    }
    let keys = KeySet::parse(set.to_string().as_bytes()).unwrap();
    let (mut cache, mut scratch) =
        (SignatureCache::new(1 << 16, oidc_proto::Moment::new(NOW, [7; 32])), Scratch::new());
    let mut judge = |rule: IssuerRule| {
        let verifier = AccessTokenVerifier::new("unused", "https://api.example").issuer_rule(rule);
        verifier.verify_cached(tokens.access_token.expose(), &keys, &mut cache, &mut scratch, NOW).map(|_| ())
    };
    // Every key in the set of an exact issuer is its own. In the set of a template, a key can belong to
    // another tenant.
    assert_eq!(judge(IssuerRule::exact(issuer(ACME))), Ok(()));
    assert_eq!(judge(any), Err(VerificationError::KeyIssuer));
}
