//! The URLs that may be client identifiers (section "Client Identifier URL").

use oidc_proto::{
    base::UrlError,
    message::{ClientIdUrl, ClientIdUrlError},
};

fn verdict(text: &str) -> Result<(), ClientIdUrlError> {
    ClientIdUrl::parse(text).map(drop)
}

#[test]
fn a_client_identifier_is_kept_to_the_letter() {
    for (text, host) in [
        ("https://agent.example/client.json", "agent.example"),
        ("https://agent.example:8443/oauth/client", "agent.example"),
        ("https://agent.example/a//b/", "agent.example"),
        ("https://agent.example/A%2Fb/~x", "agent.example"),
        ("https://[2001:db8::1]:8443/client.json", "[2001:db8::1]"),
        ("https://192.0.2.1/client.json", "192.0.2.1"),
    ] {
        let client_id = ClientIdUrl::parse(text).unwrap();
        assert_eq!((client_id.as_str(), client_id.host()), (text, host));
        assert_eq!((client_id.to_string(), format!("{client_id:?}")), (text.to_owned(), text.to_owned()));
        assert_eq!(ClientIdUrl::parse_with_query(text), Ok(client_id));
    }
}

#[test]
fn what_is_no_https_url_with_a_path_is_refused() {
    use UrlError::{Characters, Credentials, Fragment, NotAbsolute, Scheme};
    for (text, why) in [
        ("http://agent.example/client.json", Scheme),
        ("http://localhost/client.json", Scheme),
        ("ftp://agent.example/client.json", Scheme),
        ("data:application/json,{}", Scheme),
        ("", NotAbsolute),
        ("/client.json", NotAbsolute),
        ("agent.example/client.json", NotAbsolute),
        ("https://", NotAbsolute),
        (" https://agent.example/client.json", Characters),
        ("https://agent.example/cli\nent.json", Characters),
        ("https://agent.example/\u{200b}client.json", Characters),
        ("https://agent.example/client.json#", Fragment),
        ("https://agent.example/client.json#key", Fragment),
        ("https://agent.example/#/client.json", Fragment),
        ("https://user@agent.example/client.json", Credentials),
        ("https://user:secret@agent.example/client.json", Credentials),
        ("https://@agent.example/client.json", Credentials),
        ("https:\\\\user@agent.example/client.json", Credentials),
    ] {
        assert_eq!(verdict(text), Err(ClientIdUrlError::Url(why)), "{text}");
        assert_eq!(ClientIdUrl::parse_with_query(text), Err(ClientIdUrlError::Url(why)), "{text}");
    }
    for text in ["https://agent.example", "https://agent.example/", "https://agent.example:8443/"] {
        assert_eq!(verdict(text), Err(ClientIdUrlError::NoPath), "{text}");
    }
    // An `@` behind the host is none of a user.
    assert_eq!(verdict("https://agent.example/@me/client.json"), Ok(()));
}

#[test]
fn a_dot_segment_is_refused_in_every_spelling() {
    for path in [
        "/./client.json",
        "/../client.json",
        "/a/../client.json",
        "/a/..",
        "/a/.",
        "/%2e/client.json",
        "/%2E%2e/client.json",
        "/.%2e/client.json",
        "/a\\..\\client.json",
    ] {
        let text = format!("https://agent.example{path}");
        assert_eq!(verdict(&text), Err(ClientIdUrlError::DotSegment), "{text}");
    }
    for path in ["/.well-known/client.json", "/client..json", "/...", "/a.b/c"] {
        assert_eq!(verdict(&format!("https://agent.example{path}")), Ok(()), "{path}");
    }
}

#[test]
fn a_query_is_refused_unless_it_is_asked_for() {
    for query in ["?", "?a=b", "?tenant=1&env=test"] {
        let text = format!("{}{query}", super::CLIENT_ID);
        assert_eq!(verdict(&text), Err(ClientIdUrlError::Query), "{text}");
        let client_id = ClientIdUrl::parse_with_query(&text).unwrap();
        assert_eq!(client_id.as_str(), text);
        assert_eq!(format!("{client_id:?}"), format!("{}?..", super::CLIENT_ID), "its values do not show");
    }
}

/// Servers compare to the letter and normalize nothing. So the normal form is the duty of the client, and the error says
/// it.
#[test]
fn a_url_that_is_not_in_its_normal_form_is_refused_and_the_form_is_named() {
    for (text, normal) in [
        ("HTTPS://agent.example/client.json", super::CLIENT_ID),
        ("https://Agent.Example/client.json", super::CLIENT_ID),
        ("https://agent.example:443/client.json", super::CLIENT_ID),
        ("https://agent.example:/client.json", super::CLIENT_ID),
        ("https:agent.example/client.json", super::CLIENT_ID),
        ("https:///agent.example/client.json", super::CLIENT_ID),
        ("https://agent.example\\client.json", super::CLIENT_ID),
        ("https://agent.example/%63lient.json", super::CLIENT_ID),
        ("https://agent.example/client%2Ejson", super::CLIENT_ID),
        ("https://agent.example/a%2fb", "https://agent.example/a%2Fb"),
        ("https://agent.example/%7euser/c", "https://agent.example/~user/c"),
        ("https://agent.example/caf\u{e9}", "https://agent.example/caf%C3%A9"),
        ("https://b\u{fc}cher.example/c", "https://xn--bcher-kva.example/c"),
        ("https://0x7f.1/c", "https://127.0.0.1/c"),
    ] {
        let error = verdict(text).unwrap_err();
        assert_eq!(error, ClientIdUrlError::NotNormalized { normalized: normal.into() }, "{text}");
        assert!(error.to_string().contains(&format!("`{normal}`")), "{error}");
        assert_eq!(verdict(normal), Ok(()), "what the error says is accepted");
    }
    for text in ["https://agent.example/%", "https://agent.example/a%2", "https://agent.example/%zz/c"] {
        assert_eq!(verdict(text), Err(ClientIdUrlError::PercentEncoding), "{text}");
    }
}

#[test]
fn a_client_identifier_fits_into_a_saved_login() {
    for (length, fits) in [(2_047, true), (2_048, true), (2_049, false), (100_000, false)] {
        let text = format!("https://agent.example/{}", "x".repeat(length - 22));
        assert_eq!(text.len(), length);
        assert_eq!(verdict(&text), if fits { Ok(()) } else { Err(ClientIdUrlError::TooLong) }, "{length}");
    }
}
