//! Logins that somebody else begins (OpenID Connect Core 1.0 section 4): only issuers that were named, and only targets
//! in the application.

use oidc_proto::{
    base::FormError,
    flow::{
        AppState, PendingAuthorization, SealingKeys, ThirdPartyLogin, ThirdPartyLoginError, ThirdPartyLogins,
    },
    message::{AuthorizationRequest, AuthorizationResponse, MAX_CALLBACK, ThirdPartyLoginRequest},
};
use oidc_testkit::{Browser, EndpointName, Party, Seed, drive};
use url::Url;

const OP: &str = "https://op.example";
const APP: &str = "https://app.example";

fn logins() -> ThirdPartyLogins {
    ThirdPartyLogins::new(APP).unwrap().issuer(OP).issuer("https://op.example/tenant")
}

fn form(pairs: &[(&str, &str)]) -> String {
    url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
}

fn accept(
    logins: &ThirdPartyLogins,
    pairs: &[(&str, &str)],
) -> Result<ThirdPartyLogin, ThirdPartyLoginError> {
    let request = ThirdPartyLoginRequest::from_query(&form(pairs)).unwrap();
    logins.accept(&request, AuthorizationRequest::new(["email"]))
}

fn to(target: &str) -> Result<String, ThirdPartyLoginError> {
    accept(&logins(), &[("iss", OP), ("target_link_uri", target)]).map(|login| login.target.unwrap())
}

#[test]
fn a_portal_sends_a_user_who_logs_in_and_reaches_the_page() {
    let query = form(&[
        ("iss", OP),
        ("login_hint", "alice & co"),
        ("target_link_uri", "https://app.example/orders/7?view=all"),
        ("lti_message_hint", "12"),
    ]);
    let get = ThirdPartyLoginRequest::from_url(&format!("/initiate?{query}#iss=x")).unwrap();
    let post = ThirdPartyLoginRequest::from_form(query.as_bytes()).unwrap();
    let question = ThirdPartyLoginRequest::from_query(&format!("?{query}")).unwrap();
    for request in [get, post, question] {
        assert_eq!(request.extra, [("lti_message_hint".to_owned(), "12".to_owned())]);
        let mut party = Party::new();
        let login = logins().accept(&request, AuthorizationRequest::new(["email"])).unwrap();
        assert_eq!(login.issuer, party.provider.issuer());
        let (url, pending) = party.client.authorize(&login.request, party.clock.moment()).unwrap();
        let keys = SealingKeys::new(1, &[42; 32]);
        let cookie = keys.seal(&AppState((pending, login.target)), "login", party.clock.moment()).unwrap();

        let landing = Browser::new().visit(&mut party.provider, &url, party.clock.now());
        let asked = party.provider.requests().iter().rfind(|seen| seen.endpoint == EndpointName::Authorize);
        let asked = asked.unwrap().query_pairs();
        assert!(asked.contains(&("login_hint".to_owned(), "alice & co".to_owned())));
        assert!(!asked.iter().any(|(name, _)| name.starts_with("lti") || name.starts_with("target")));

        let AppState((pending, target)): AppState<(PendingAuthorization, Option<String>)> =
            keys.open(&cookie, "login").unwrap();
        assert_eq!(target.as_deref(), Some("https://app.example/orders/7?view=all"));
        let response = AuthorizationResponse::from_url(landing.url()).unwrap();
        let step = pending.callback(&party.client, None, response, party.clock.moment()).unwrap();
        assert_eq!(drive(step, &mut party.provider, &mut party.clock).unwrap().id_token.sub, "alice");
        party.provider.assert_clean();
    }
}

#[test]
fn only_an_issuer_that_was_named_to_the_letter_logs_users_in() {
    for issuer in [
        "https://op.example/",
        "https://OP.example",
        "https://op.example:443",
        "http://op.example",
        "https://op.example.evil.example",
        "https://evil.example",
        "https://op.example/tenant/",
        " https://op.example",
    ] {
        assert_eq!(accept(&logins(), &[("iss", issuer)]), Err(ThirdPartyLoginError::Issuer), "{issuer}");
        let named = logins().issuer(issuer);
        assert_eq!(accept(&named, &[("iss", issuer)]).unwrap().issuer, issuer, "it is named now");
    }
    for pairs in [&[][..], &[("iss", "")], &[("login_hint", "alice")]] {
        assert_eq!(accept(&logins(), pairs), Err(ThirdPartyLoginError::MissingIssuer));
    }
    let nobody = ThirdPartyLogins::new(APP).unwrap();
    assert_eq!(accept(&nobody, &[("iss", OP)]), Err(ThirdPartyLoginError::Issuer), "none by default");
}

#[test]
fn no_target_leads_out_of_the_application() {
    for target in [
        "https://evil.example/",
        "//evil.example/",
        "/orders",
        "orders",
        "https://app.example.evil.example/",
        "https://app.example@evil.example/",
        "https://app.example:pass@evil.example/",
        "https://user@app.example/",
        "https://user:pass@app.example/",
        "https://evil.example#https://app.example/",
        "https://evil.example?https://app.example/",
        "https://evil.example\\@app.example/",
        "https://app.example\\.evil.example/",
        "https:\\\\app.example/",
        "\thttps://app.example/",
        "https://app.example/\nx",
        "https://app.example/a b",
        " https://app.example/",
        "http://app.example/",
        "https://app.example:8443/",
        "https://www.app.example/",
        "javascript:alert(1)//https://app.example/",
        "data:text/html,https://app.example/",
        "blob:https://app.example/1",
        "blob:https://app.example",
        "BLOB:https://app.example/#",
        "com.example.app:/x",
        "https://app.example/\u{202e}x",
        "https://app.example%2eevil.example/",
    ] {
        assert_eq!(to(target), Err(ThirdPartyLoginError::Target), "{target}");
    }
    let long = format!("https://app.example/{}", "x".repeat(2048));
    assert_eq!(to(&long), Err(ThirdPartyLoginError::Target), "it has room in no cookie");
    // What is accepted comes in one spelling.
    for (target, normal) in [
        ("https://app.example", "https://app.example/"),
        ("https://APP.example:443/a/../b?c=d#e", "https://app.example/b?c=d#e"),
        ("https:app.example/x", "https://app.example/x"),
        ("https://app.example//evil.example/", "https://app.example//evil.example/"),
        ("https://app.example/ä", "https://app.example/%C3%A4"),
    ] {
        assert_eq!(to(target).as_deref(), Ok(normal), "{target}");
    }
    // A program may lead the user to its start page instead.
    let query = form(&[("iss", OP), ("target_link_uri", "https://evil.example/")]);
    let mut request = ThirdPartyLoginRequest::from_query(&query).unwrap();
    request.target_link_uri = None;
    assert_eq!(logins().accept(&request, AuthorizationRequest::default()).unwrap().target, None);
}

#[test]
fn of_many_random_addresses_none_leads_out_of_the_application() {
    let mut seed = Seed::new(21);
    let pieces = [
        "https:",
        "http:",
        "//",
        "/",
        "\\",
        "app.example",
        "evil.example",
        "@",
        ":",
        "443",
        "?",
        "#",
        ".",
        "%2e",
        "%2f",
        "%5c",
        "..",
        "\t",
        "\u{200b}",
        "javascript:",
        "blob:",
        "x",
        "HTTPS:",
        "[::1]",
        "%00",
        ";",
        "&",
        "=",
        "。",
    ];
    let (mut accepted, logins) = (0, logins());
    for round in 0..30_000 {
        let bytes = seed.bytes32();
        let length = usize::from(bytes[31] % 10) + 1;
        let mut target: String =
            bytes[..length].iter().map(|byte| pieces[usize::from(*byte) % pieces.len()]).collect();
        if round % 2 == 0 {
            target.insert_str(0, "https://app.example");
        }
        let mut request = ThirdPartyLoginRequest::default();
        request.iss = Some(OP.to_owned());
        request.target_link_uri = Some(target.clone());
        let Ok(login) = logins.accept(&request, AuthorizationRequest::default()) else { continue };
        accepted += 1;
        // A browser resolves it against the page that it is on, whatever that is.
        let page = Url::parse("https://evil.example/page?x").unwrap();
        let goes = page.join(login.target.as_deref().unwrap()).unwrap();
        assert_eq!(
            (goes.scheme(), goes.origin().ascii_serialization()),
            ("https", APP.to_owned()),
            "{target}"
        );
        assert!(goes.username().is_empty() && goes.password().is_none(), "{target}");
        assert_eq!(login.target.as_deref(), Some(goes.as_str()), "one spelling: {target}");
    }
    assert!(accepted > 500, "{accepted}");
}

#[test]
fn another_address_of_the_application_can_be_named() {
    let both = logins().or_origin("https://docs.example:8443/guide").unwrap();
    for target in ["https://docs.example:8443/other", "https://app.example/"] {
        assert!(accept(&both, &[("iss", OP), ("target_link_uri", target)]).is_ok(), "{target}");
    }
    for target in
        ["https://docs.example/guide", "http://docs.example:8443/guide", "https://app.example:8443/"]
    {
        let verdict = accept(&both, &[("iss", OP), ("target_link_uri", target)]);
        assert_eq!(verdict, Err(ThirdPartyLoginError::Target), "{target}");
    }
    assert_eq!(to("https://docs.example:8443/guide"), Err(ThirdPartyLoginError::Target), "not by default");
    let local = ThirdPartyLogins::new("http://localhost:8080").unwrap().issuer(OP);
    assert!(accept(&local, &[("iss", OP), ("target_link_uri", "http://localhost:8080/a")]).is_ok());
    for (url, why) in [
        ("http://app.example", "is plain http and not on this machine"),
        ("app.example", "is not an absolute URL"),
        ("com.example.app:/x", "is not https"),
        ("javascript:1", "has a scheme that no client can receive"),
    ] {
        assert_eq!(ThirdPartyLogins::new(url), Err(ThirdPartyLoginError::Application(why)), "{url}");
        assert_eq!(logins().or_origin(url), Err(ThirdPartyLoginError::Application(why)), "{url}");
    }
}

#[test]
fn a_hint_that_could_hide_something_is_refused_and_any_other_is_sent() {
    let base = || AuthorizationRequest::new(["email"]).login_hint("from the program");
    for (hint, sent) in
        [("alice@example.com", "alice@example.com"), ("Zoë 7", "Zoë 7"), ("", "from the program")]
    {
        let request =
            ThirdPartyLoginRequest::from_query(&form(&[("iss", OP), ("login_hint", hint)])).unwrap();
        let login = logins().accept(&request, base()).unwrap();
        assert_eq!(login.request.login_hint.as_deref(), Some(sent));
        assert_eq!(login.request.scopes, ["email"]);
    }
    let long = "x".repeat(2049);
    for hint in ["a\nb", "a\u{202e}b", "a\0", &long] {
        let verdict = accept(&logins(), &[("iss", OP), ("login_hint", hint)]);
        assert_eq!(verdict, Err(ThirdPartyLoginError::LoginHint));
    }
}

#[test]
fn a_request_that_two_readers_could_read_in_two_ways_is_refused() {
    for (query, error) in [
        ("iss=https://op.example&iss=https://evil.example".to_owned(), FormError::Duplicate),
        ("target_link_uri=a&target%5Flink_uri=b".to_owned(), FormError::Duplicate),
        ("login_hint=%ff".to_owned(), FormError::NotUtf8),
        (format!("login_hint={}", "x".repeat(MAX_CALLBACK)), FormError::TooLong),
        ((0..65).map(|n| format!("p{n}=1&")).collect(), FormError::TooMany),
    ] {
        assert_eq!(ThirdPartyLoginRequest::from_query(&query), Err(error));
        assert_eq!(ThirdPartyLoginRequest::from_form(query.as_bytes()), Err(error));
    }
}
