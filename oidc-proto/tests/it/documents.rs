//! Documents as real providers publish them: elsewhere, behind a page, larger than usual, or with a byte order mark. And
//! the tokens of real providers that are longer than usual.

use crate::support::{self, NOW};
use http::Response;
use oidc_proto::{
    EndpointUrl, Error, UrlPolicy,
    flow::{Discovery, DiscoveryOptions, JwksRetrieval, MAX_DOCUMENT, ResourceDiscovery, ResponseRule},
    jose::{KeySet, Scratch},
    metadata::{MetadataError, Profile, ProviderMetadata, WellKnown},
    renew::{KeyRenewal, MetadataRenewal},
    resource::{CredentialPolicy, RequestView, ResourceServer, TrustedIssuer, Verdict},
    token::{AccessTokenVerifier, MAX_TOKEN, VerificationError},
};
use oidc_testkit::{Clock, EndpointName, Party, Seed, drive_with, hostile};
use serde_json::{Value, json};
use std::cell::RefCell;

const MARK: &[u8] = b"\xef\xbb\xbf";

fn document(issuer: &str) -> Value {
    json!({
        "issuer": issuer,
        "authorization_endpoint": format!("{issuer}/authorize"),
        "token_endpoint": format!("{issuer}/token"),
        "jwks_uri": format!("{issuer}/jwks"),
        "response_types_supported": ["code"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
    })
}

fn respond(status: u16, media_type: &str, body: impl Into<Vec<u8>>) -> Response<Vec<u8>> {
    Response::builder().status(status).header("content-type", media_type).body(body.into()).unwrap()
}

fn url(text: &str) -> EndpointUrl {
    EndpointUrl::parse(text, &UrlPolicy::default()).unwrap()
}

fn openid() -> DiscoveryOptions {
    DiscoveryOptions::new(&UrlPolicy::default())
}

/// The metadata at a site that answers each URL in its own way, and the URLs that were asked.
fn find(
    issuer: &str,
    options: DiscoveryOptions,
    site: impl Fn(&str) -> Response<Vec<u8>>,
) -> (Result<ProviderMetadata, Error>, Vec<String>) {
    let asked = RefCell::new(Vec::new());
    let found = Discovery::with(issuer, options).and_then(|call| {
        drive_with(call, &mut Clock::new(NOW, Seed::new(7)), |request, _, _| {
            asked.borrow_mut().push(request.uri().to_string());
            Some(site(&request.uri().to_string()))
        })
    });
    (found.map(Option::unwrap), asked.into_inner())
}

/// An issuer, and where its document is: Nextcloud, which redirects its well-known URLs; Keycloak with an outer and an
/// inner name; a document that somebody put into a bucket.
const ELSEWHERE: [(&str, &str); 3] = [
    ("https://cloud.example", "https://cloud.example/index.php/.well-known/openid-configuration"),
    (
        "https://login.example/realms/shop",
        "https://keycloak.internal/realms/shop/.well-known/openid-configuration",
    ),
    ("https://op.example/tenant/", "https://bucket.example/files?name=op.json&key=1"),
];

#[test]
fn a_document_may_be_elsewhere_and_its_issuer_must_still_be_the_one_asked_for() {
    for (issuer, place) in ELSEWHERE {
        let site = |at: &str| match at == place {
            true => respond(200, "application/json", document(issuer).to_string()),
            false => Response::builder().status(301).header("location", place).body(Vec::new()).unwrap(),
        };
        let (refused, asked) = find(issuer, openid(), site);
        let text = refused.unwrap_err().to_string();
        assert!(text.contains("`document_at`") && text.contains(&format!("`{}`", asked[0])), "{text}");

        let options = openid().or_other_form().document_at(url(place));
        let (found, asked) = find(issuer, options.clone(), site);
        assert_eq!(found.unwrap().issuer, issuer, "to the letter");
        assert_eq!(asked, [place], "nothing else is asked");
        let call = MetadataRenewal::with(issuer, options.clone()).unwrap();
        assert_eq!(call.request().uri(), place, "a renewal asks there, too");

        // The place vouches for nothing but its own answer.
        for other in ["https://evil.example", &format!("{issuer}x"), &issuer.to_uppercase(), ""] {
            let (refused, _) = find(issuer, options.clone(), |_| {
                respond(200, "application/json", document(other).to_string())
            });
            let Err(Error::Response(broken)) = refused else { panic!("{other}") };
            assert!(matches!(broken.rule, ResponseRule::Metadata(MetadataError::Issuer { .. })), "{broken}");
        }
        // There is one place. Nothing is asked after it.
        let (refused, asked) = find(issuer, options, |_| respond(404, "text/html", "nothing"));
        assert_eq!((refused.unwrap_err().code(), asked.len()), ("response_status", 1));
    }
    let options = openid().document_at(url("https://op.example/document"));
    for issuer in ["http://op.example", "https://op.example/?x", "op", "https://10.0.0.1"] {
        let refused = Discovery::with(issuer, options.clone()).unwrap_err();
        assert_eq!(refused.code(), "config_issuer", "no issuer may have this URL: {issuer}");
    }
}

#[test]
fn a_refused_document_says_where_it_was_looked_for_and_what_helps() {
    let place = "https://op.example/tenant/.well-known/openid-configuration";
    let other = "https://op.example/.well-known/oauth-authorization-server/tenant";
    let either = || openid().or_other_form();
    for (options, status, places) in [
        (openid(), 404, &[place][..]),
        (openid(), 302, &[place]),
        (openid(), 403, &[place]),
        (openid().form(WellKnown::OAuth), 404, &[other]),
        (either(), 404, &[place, other]),
        (either().form(WellKnown::OAuth), 405, &[other, place]),
    ] {
        let (refused, _) = find(support::ISSUER, options, |_| respond(status, "text/plain", "no"));
        let Err(Error::Response(broken)) = refused else { panic!("{status}") };
        assert_eq!(broken.urls, places);
        let text = broken.to_string();
        assert!(text.contains("check the issuer") && text.contains("`document_at`"), "{text}");
        assert!(places.iter().all(|place| text.contains(&format!("`{place}`"))), "{text}");
    }
    // Two names: the document is there, and is of the other name.
    let (inner, outer) = ("https://keycloak.internal/realms/shop", "https://login.example/realms/shop");
    let (refused, _) =
        find(inner, openid(), |_| respond(200, "application/json", document(outer).to_string()));
    let text = refused.unwrap_err().to_string();
    assert!([inner, outer, "`document_at`"].iter().all(|part| text.contains(part)), "{text}");
    // The query of a place may be secret.
    let options = openid().document_at(url("https://bucket.example/op.json?signature=hush"));
    let (refused, _) = find("https://op.example", options, |_| respond(404, "text/plain", "no"));
    let text = refused.unwrap_err().to_string();
    assert!(text.contains("https://bucket.example/op.json") && !text.contains("hush"), "{text}");
}

/// Applications of one page answer 200 to everything.
#[test]
fn a_page_at_one_well_known_url_does_not_hide_the_metadata_at_the_other() {
    let issuer = "https://op.example";
    let page = "<!doctype html><div id=root></div>";
    for (first, second) in [(WellKnown::OpenId, WellKnown::OAuth), (WellKnown::OAuth, WellKnown::OpenId)] {
        for media_type in ["text/html", "text/html; charset=utf-8", "text/plain", "application/xhtml+xml", ""]
        {
            let there = second.url(issuer, &UrlPolicy::default()).unwrap();
            let site = |at: &str| match at == there.as_str() {
                true => respond(200, "application/json", document(issuer).to_string()),
                false => respond(200, media_type, page),
            };
            let options = openid().profile(Profile::AuthorizationServer).form(first);
            assert_eq!(find(issuer, options.clone().or_other_form(), site).0.unwrap().issuer, issuer);
            let (refused, asked) = find(issuer, options.clone(), site);
            assert_eq!(
                (refused.unwrap_err().code(), asked.len()),
                ("response_media_type", 1),
                "not asked for"
            );
            // A document of another issuer ends the search.
            let evil = document("https://evil.example").to_string();
            let (refused, asked) = find(issuer, options.or_other_form(), |at| match at == there.as_str() {
                true => site(at),
                false => respond(200, "application/json", evil.clone()),
            });
            assert_eq!((refused.unwrap_err().code(), asked.len()), ("metadata_issuer_mismatch", 1));
        }
    }
}

#[test]
fn the_limit_of_documents_is_a_setting_and_its_error_names_it() {
    let padded = |bytes: usize| {
        let mut body = document("https://op.example").to_string().into_bytes();
        body.resize(bytes, b' ');
        respond(200, "application/json", body)
    };
    for (limit, bytes, is_read) in [
        (None, MAX_DOCUMENT, true),
        (None, MAX_DOCUMENT + 1, false),
        (Some(200_000), 200_000, true),
        (Some(200_000), 200_001, false),
        (Some(1_000), 1_001, false),
    ] {
        let options = limit.map_or_else(openid, |limit| openid().max_document(limit));
        let (found, _) = find("https://op.example", options, |_| padded(bytes));
        assert_eq!(found.is_ok(), is_read, "{limit:?} {bytes}");
        if let Err(error) = found {
            assert!(error.to_string().contains("`max_document`"), "{error}");
        }
    }
    // A key set with certificates, as some providers publish it.
    let with_certificates = |party: &mut Party| {
        let mut keys = party.provider.key_set();
        for key in keys["keys"].as_array_mut().unwrap() {
            key["x5c"] = json!(["MII".repeat(20_000)]);
        }
        let large = hostile::respond(200, "application/json", keys.to_string());
        party.provider.alter_response(EndpointName::Jwks, large);
    };
    for (limit, logs_in) in [(None, false), (Some(100_000), false), (Some(4 << 20), true)] {
        let mut party = Party::builder()
            .client(move |client| match limit {
                Some(limit) => client.max_document(limit),
                None => client,
            })
            .build();
        with_certificates(&mut party);
        let outcome = party.login();
        assert_eq!(outcome.is_ok(), logs_in, "{limit:?}");
        assert_eq!(party.keys().is_ok(), logs_in, "{limit:?}");
        if let Err(error) = outcome {
            assert!(error.to_string().contains("`max_document`"), "{error}");
        }
    }
    let call = KeyRenewal::start(&url("https://op.example/jwks")).max_body(7);
    assert_eq!(call.into_parts().1.max_body, 7);
}

#[test]
fn one_byte_order_mark_before_a_document_is_skipped() {
    let marked = |marks: usize, text: String| [MARK.repeat(marks), text.into_bytes()].concat();
    let issuer = "https://op.example";
    let keys = Party::new().provider.key_set().to_string();
    let resource = json!({"resource": "https://api.example", "authorization_servers": [issuer]}).to_string();
    for (marks, is_read) in [(0, true), (1, true), (2, false)] {
        let body = marked(marks, document(issuer).to_string());
        assert_eq!(
            find(issuer, openid(), |_| respond(200, "application/json", body.clone())).0.is_ok(),
            is_read
        );
        assert_eq!(KeySet::parse(&marked(marks, keys.clone())).is_ok(), is_read);
        let fetched = |body: Vec<u8>| {
            let jwks = JwksRetrieval::start(&url("https://op.example/jwks"));
            let (_, _, pending) = jwks.into_parts();
            pending.receive(respond(200, "application/jwk-set+json", body), support::moment(NOW)).is_ok()
        };
        assert_eq!(fetched(marked(marks, keys.clone())), is_read);
        let (_, _, pending) =
            ResourceDiscovery::start("https://api.example", &UrlPolicy::default()).unwrap().into_parts();
        let response = respond(200, "application/json", marked(marks, resource.clone()));
        assert_eq!(pending.receive(response, support::moment(NOW)).is_ok(), is_read);
    }
    // Elsewhere, and in another encoding, it is no JSON.
    assert!(KeySet::parse(&[b"{", MARK, b"\"keys\":[]}"].concat()).is_err());
    assert!(KeySet::parse(b"\xff\xfe{\0}\0").is_err());
}

#[test]
fn keys_of_another_media_type_are_refused_by_its_name() {
    for (media_type, named) in [
        ("application/octet-stream", true),
        ("binary/octet-stream", true),
        ("text/plain; charset=utf-8", true),
        ("text/html", true),
        ("application/vnd.hush+json", false),
        ("", false),
    ] {
        let mut party = Party::new();
        party.provider.alter_response(EndpointName::Jwks, hostile::set_header("content-type", media_type));
        let text = party.login().unwrap_err().to_string();
        assert!(text.contains("jwks") && !text.contains("hush"), "{text}");
        let essence = media_type.split(';').next().unwrap();
        assert_eq!(text.contains(&format!("but of `{essence}`")), named, "{text}");
    }
}

/// Users with hundreds of groups have tokens of many kilobytes.
#[test]
fn long_tokens_need_one_setting_at_an_api_and_one_at_a_client() {
    const API: &str = "https://api.example";
    let groups = |count: usize| {
        let groups: Vec<_> = (0..count).map(|n| format!("group-{n:05}-of-a-large-company")).collect();
        json!(groups)
    };
    for (count, by_default) in [(10, true), (300, false), (500, false)] {
        let mut party = Party::builder().client(|client| client.max_token(60_000)).build();
        party.provider.alter_access_token(hostile::set_claim("groups", groups(count)));
        party.provider.alter_id_token(hostile::set_claim("groups", groups(count)));
        let keys = party.keys().unwrap();
        let login = party.login().unwrap();
        let token = login.tokens.access_token.expose();
        let now = party.clock.now();
        let head = http::Request::get("/orders").header("authorization", format!("Bearer {token}"));
        let (head, ()) = head.body(()).unwrap().into_parts();
        let verdict = |policy: CredentialPolicy| {
            let server = ResourceServer::builder(API).trust(TrustedIssuer::new("https://op.example"));
            let server = server.credentials(policy).build().unwrap();
            let inspected = server
                .inspect(&RequestView::of(&head), &mut Scratch::new())
                .map_err(|denied| denied.reason().to_string())?;
            match server.judge(&inspected, &keys, &mut Scratch::new(), now) {
                Verdict::Accepted(_) => Ok(()),
                other => Err(format!("{other:?}")),
            }
        };
        let strict = verdict(CredentialPolicy::default());
        assert_eq!(strict.is_ok(), by_default, "{} bytes: {strict:?}", token.len());
        if let Err(text) = strict {
            assert!(text.contains("`CredentialPolicy::with_max_token`"), "{text}");
        }
        assert_eq!(verdict(CredentialPolicy::default().with_max_token(token.len())), Ok(()));
        assert!(verdict(CredentialPolicy::default().with_max_token(token.len() - 1)).is_err());

        let verify =
            |verifier: AccessTokenVerifier| verifier.verify(token, &keys, &mut Scratch::new(), now).map(drop);
        let verifier = || AccessTokenVerifier::new("https://op.example", API);
        let fits = if token.len() > MAX_TOKEN { Err(VerificationError::TooLarge) } else { Ok(()) };
        assert_eq!(verify(verifier()), fits);
        assert_eq!(verify(verifier().max_token(token.len())), Ok(()));
        assert_eq!(verify(verifier().max_token(token.len() - 1)), Err(VerificationError::TooLarge));

        let mut strict = Party::new();
        strict.provider.alter_id_token(hostile::set_claim("groups", groups(count)));
        let refused = strict.login().map(drop).map_err(|error| error.to_string());
        let too_long = count == 500;
        assert_eq!(refused.is_err(), too_long, "{refused:?}");
        assert!(!too_long || refused.unwrap_err().contains("`max_token`"));
    }
}
