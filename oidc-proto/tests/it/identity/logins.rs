//! Whole logins of clients that no server has registered.

use super::{CLIENT_ID, client_id};
use crate::support::{NOW, policy};
use http::Response;
use oidc_proto::{
    flow::{
        Authenticated, Client, ClientIdentities, ConfigError, Discovery, IdentityChoice, PreRegisteredClient,
        PreviousLogin, RegisteredClientError,
    },
    jose::Algorithm,
    message::{AuthorizationRequest, AuthorizationResponse, ClientIdMetadataDocument},
    metadata::ProviderMetadata,
};
use oidc_testkit::{Browser, Clock, KeyRing, Landing, Registration, Seed, TestProvider, drive, hostile};
use serde_json::Value;
use std::time::Duration;

const REDIRECT: &str = "http://127.0.0.1:51234/callback";

fn document() -> ClientIdMetadataDocument {
    ClientIdMetadataDocument::builder(client_id(), "My Agent")
        .loopback_redirects("/callback")
        .build()
        .unwrap()
}

/// A server that nobody has registered a client at, and that reads documents.
fn server(issuer: &str, document: &ClientIdMetadataDocument) -> TestProvider {
    let mut provider = TestProvider::new(issuer);
    let response = document.response(Duration::from_secs(600));
    provider.read_client_documents(move |url| match url {
        CLIENT_ID => response.clone(),
        _ => Response::builder().status(404).body(Vec::new()).unwrap(),
    });
    provider
}

fn discover(provider: &mut TestProvider) -> ProviderMetadata {
    let call = Discovery::start(provider.issuer(), &policy()).unwrap();
    drive(call, provider, &mut Clock::new(NOW, Seed::new(1))).unwrap()
}

/// The client that the program is at this server.
fn client(identities: &ClientIdentities, metadata: &ProviderMetadata, redirect_uri: &str) -> Client {
    let IdentityChoice::Client(identity) = identities.choose(metadata, None, NOW).unwrap() else {
        panic!("a client that is known")
    };
    identity.client(metadata.clone(), NOW).unwrap().redirect_uri(redirect_uri).build().unwrap()
}

fn login(provider: &mut TestProvider, client: &Client, clock: &mut Clock) -> Result<Authenticated, Landing> {
    let request = AuthorizationRequest::new(["offline_access"]);
    let (url, pending) = client.authorize(&request, clock.moment()).unwrap();
    let landing = Browser::new().visit(provider, url, clock.now());
    let Landing::Callback(back) = &landing else { return Err(landing) };
    let response = AuthorizationResponse::from_url(back).unwrap();
    let step = pending.callback(client, None, response, clock.moment()).unwrap();
    Ok(drive(step, provider, clock).unwrap())
}

#[test]
fn a_client_without_registration_logs_in_and_refreshes_at_every_server_that_reads_documents() {
    let identities = ClientIdentities::new().document(client_id());
    for issuer in ["https://one.example", "https://two.example/tenant", "https://three.example/"] {
        let mut clock = Clock::new(NOW, Seed::new(1));
        let mut provider = server(issuer, &document());
        let metadata = discover(&mut provider);
        let client = client(&identities, &metadata, REDIRECT);
        assert_eq!(client.client_id(), CLIENT_ID);
        let user = login(&mut provider, &client, &mut clock).unwrap();
        assert_eq!((user.id_token.iss.as_str(), user.id_token.sub.as_str()), (issuer, "alice"));
        // Defect M46: the document names the grant, so that there is a token to refresh with.
        let token = user.tokens.refresh_token.clone().expect("the document has the grant `refresh_token`");
        let previous = PreviousLogin::from(&user);
        let call = client.refresh(&token, Some(previous), None, clock.moment()).unwrap();
        drive(call, &mut provider, &mut clock).unwrap();
        assert_eq!(provider.client_documents_fetched(), 1, "and it is kept for its time");
        provider.assert_clean();
    }
}

#[test]
fn a_client_with_a_key_in_its_document_authenticates() {
    for algorithm in [Algorithm::ES256, Algorithm::RS256, Algorithm::EdDSA] {
        let (signer, jwk) = KeyRing::client_key(algorithm);
        let jwk = oidc_proto::jose::Jwk::parse(jwk.to_string().as_bytes()).unwrap();
        let document = ClientIdMetadataDocument::builder(client_id(), "My App")
            .redirect_uri("https://agent.example/callback")
            .metadata(|other| other.jwks([jwk]))
            .build()
            .unwrap();
        let identities = ClientIdentities::new().document(client_id()).document_signer(signer);
        let mut provider = server("https://op.example", &document);
        let metadata = discover(&mut provider);
        let client = client(&identities, &metadata, "https://agent.example/callback");
        assert_eq!(client.authentication().name(), "private_key_jwt");
        login(&mut provider, &client, &mut Clock::new(NOW, Seed::new(1))).unwrap();
        provider.assert_clean();
    }
}

/// Defect M46, the other half: servers that compare ports refuse a URI without one.
#[test]
fn a_server_that_compares_ports_takes_the_ports_of_the_document_and_no_other() {
    let named = ClientIdMetadataDocument::builder(client_id(), "My Agent").loopback_redirects("/callback");
    let named = named.loopback_ports([33418, 33419]).build().unwrap();
    let identities = ClientIdentities::new().document(client_id());
    for (document, port, good) in
        [(&document(), 33418, false), (&named, 33418, true), (&named, 33419, true), (&named, 33420, false)]
    {
        let mut provider = server("https://op.example", document);
        provider.compare_loopback_ports(true);
        let metadata = discover(&mut provider);
        let client = client(&identities, &metadata, &format!("http://127.0.0.1:{port}/callback"));
        let landed = login(&mut provider, &client, &mut Clock::new(NOW, Seed::new(1)));
        assert_eq!(landed.is_ok(), good, "{port}");
    }
}

/// The server in the test has rules of its own, and this shows that it has them: each of these documents is refused.
#[test]
fn a_server_refuses_a_document_that_breaks_a_rule() {
    type Change = Box<dyn Fn(&mut Response<Vec<u8>>) + Send>;
    let member = |name: &'static str, value: Value| -> Change {
        Box::new(move |response| hostile::set_member(name, value.clone())(response))
    };
    let changes: Vec<(Change, &str)> = vec![
        (member("client_id", "https://evil.example/c".into()), "of another client"),
        (member("client_secret", "s".into()), "has a secret"),
        (member("token_endpoint_auth_method", "client_secret_post".into()), "needs a secret"),
        (member("redirect_uris", Vec::<String>::new().into()), "no redirect_uris"),
        (member("client_name", Value::Null), "no client_name"),
        (Box::new(|response| hostile::pad_body(5_120)(response)), "longer than 5 KiB"),
        (Box::new(|response| *response.status_mut() = http::StatusCode::CREATED), "status is 201"),
        (Box::new(|response| hostile::redirect_to("https://evil.example/")(response)), "status is 307"),
        (Box::new(|response| hostile::set_header("content-type", "text/html")(response)), "no"),
        (Box::new(|response| hostile::truncate_body(9)(response)), "not JSON"),
    ];
    for (change, why) in changes {
        let mut provider = TestProvider::new("https://op.example");
        provider.read_client_documents(move |_| {
            let mut response = document().response(Duration::ZERO);
            change(&mut response);
            response
        });
        let metadata = discover(&mut provider);
        let client = client(&ClientIdentities::new().document(client_id()), &metadata, REDIRECT);
        for fetched in [1, 2] {
            let landed = login(&mut provider, &client, &mut Clock::new(NOW, Seed::new(fetched)));
            assert!(matches!(landed, Err(Landing::Page(..))), "{why}");
            assert!(provider.audit().iter().any(|finding| finding.what.contains(why)), "{why}");
            let fetched = usize::try_from(fetched).unwrap();
            assert_eq!(provider.client_documents_fetched(), fetched, "no failure is kept");
        }
    }
}

/// Defect M18: the resource has moved to another server, and the old secret went to the new one. Scenario 18 of the
/// conformance suite of the Model Context Protocol (`authorization-server-migration`).
#[test]
fn no_credential_of_the_old_server_is_shown_to_the_new_one() {
    const SECRET: &str = "the secret at the old server";
    let old = PreRegisteredClient::new("https://old.example", "app").secret(SECRET);
    let identities = ClientIdentities::new().pre_registered(old).document(client_id());
    let mut clock = Clock::new(NOW, Seed::new(1));
    let mut provider = TestProvider::new("https://old.example");
    provider.register(Registration::basic("app", SECRET).redirect_uri(REDIRECT));
    let metadata = discover(&mut provider);
    let at_old = client(&identities, &metadata, REDIRECT);
    login(&mut provider, &at_old, &mut clock).unwrap();

    for issuer in ["https://new.example", "https://old.example/", "https://old.example.evil.example"] {
        let mut provider = server(issuer, &document());
        let metadata = discover(&mut provider);
        let at_new = client(&identities, &metadata, REDIRECT);
        assert_eq!(at_new.client_id(), CLIENT_ID);
        login(&mut provider, &at_new, &mut clock).unwrap();
        for seen in provider.requests() {
            let sent = format!("{:?} {:?} {}", seen.headers, seen.query, String::from_utf8_lossy(&seen.body));
            assert!(!sent.contains("secret") && !sent.contains("client_id=app"), "{sent}");
            assert!(seen.header("authorization").is_none(), "{sent}");
        }
        provider.assert_clean();
        // The identity that was chosen for the old server does not make a client of the new one.
        let IdentityChoice::Client(identity) = identities.choose(at_old.metadata(), None, NOW).unwrap()
        else {
            panic!("it is registered there")
        };
        let refused = identity.client(metadata, NOW).unwrap_err();
        assert_eq!(refused, ConfigError::Registered(RegisteredClientError::OtherIssuer));
    }
}
