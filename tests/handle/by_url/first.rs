//! The first request: from a URL to a token.

use super::{
    town::{METADATA, ONE, each_with, refusal},
    *,
};
use oidc_drive::resource::ResourceError;
use oidc_testkit::EndpointName;

/// The whole chain, and each URL that it asks, in order.
#[test]
fn from_a_url_to_an_answer() {
    each(|town, caller| {
        caller.does("read");
        assert_eq!(
            town.urls(),
            [
                METADATA,
                "https://one.example/.well-known/oauth-authorization-server",
                "https://one.example/token"
            ]
        );
        assert_eq!(town.visits(), 1);
        assert_eq!(town.asked("resource").as_deref(), Some(RESOURCE));
        assert_eq!(town.asked("scope").as_deref(), Some("mcp:read"));
        assert_eq!(town.asked("code_challenge_method").as_deref(), Some("S256"));
        // The next request has the token at once.
        caller.does("read");
        assert_eq!((town.urls(), town.visits()), (vec![], 1));
        town.assert_clean();
    });
}

/// A library that takes headers, and whose error has the challenge: as rmcp.
#[test]
fn a_library_that_sends_headers_gets_in_the_same_way() {
    each(|town, caller| {
        assert_eq!(caller.authorized(Ask("read")).unwrap(), "did read");
        assert_eq!(caller.authorized(Ask("write")).unwrap(), "did write");
        assert_eq!(town.visits(), 2, "one to read, and one to write");
        town.assert_clean();
    });
}

/// A resource that wants no token gets none, and nobody is asked for one. M32: an open server looked protected.
#[test]
fn an_open_resource_is_asked_once() {
    each(|town, caller| {
        town.change(|net| net.is_open = true);
        for operation in ["read", "write", "admin"] {
            caller.does(operation);
        }
        assert!(town.log().iter().all(|seen| seen.url == RESOURCE && seen.authorization.is_none()));
        assert_eq!(town.visits(), 0);
    });
}

/// Without a scope anywhere, none is asked for.
#[test]
fn the_first_scopes_are_those_of_the_challenge_or_of_the_metadata_or_none() {
    let of_metadata = serde_json::json!(["mcp:read", "mcp:write"]);
    for (challenge, supported, asked) in [
        (r#"scope="mcp:read""#, None, Some("mcp:read")),
        (r#"scope="mcp:read""#, Some(of_metadata.clone()), Some("mcp:read")),
        (r#"realm="x""#, Some(of_metadata), Some("mcp:read mcp:write")),
        (r#"realm="x""#, None, None),
    ] {
        each(|town, caller| {
            town.change(|net| {
                net.challenge = challenge.to_owned();
                net.needs.clear();
                if let Some(supported) = &supported {
                    net.metadata["scopes_supported"] = supported.clone();
                }
            });
            caller.does("read");
            assert_eq!(town.asked("scope").as_deref(), asked);
        });
    }
}

/// M47: `offline_access` is asked for where the server has it, and nowhere else.
#[test]
fn a_refresh_token_is_asked_for_where_the_server_has_the_scope() {
    for (scopes, asked) in [
        (vec!["mcp:read", "offline_access"], "mcp:read offline_access"),
        (vec!["mcp:read"], "mcp:read"),
        (vec![], "mcp:read"),
    ] {
        let settings = |town: &Town| {
            town.offline.store(true, std::sync::atomic::Ordering::SeqCst);
            (town.asynchronous(), town.blocking())
        };
        each_with(settings, |town, caller| {
            let list = scopes.clone();
            town.change(|net| {
                let provider = net.servers.get_mut(ONE).unwrap();
                provider.alter_response(
                    EndpointName::OAuthMetadata,
                    oidc_testkit::hostile::set_member("scopes_supported", list),
                );
            });
            caller.does("read");
            assert_eq!(town.asked("scope").as_deref(), Some(asked));
        });
    }
}

/// The user says no, closes the browser, or comes back with the callback of somebody else.
#[test]
fn a_user_who_does_not_agree_ends_the_request_with_the_reason() {
    type User = fn(&url::Url) -> Result<String, String>;
    let cases: [(User, &str); 4] = [
        (|_| Err("the window was closed".to_owned()), "browser"),
        (|url| Ok(refusal(url, "access_denied")), "callback_denied"),
        (|_| Ok(format!("{CALLBACK}?code=x&state=another")), "callback_state"),
        (|_| Ok("nothing".to_owned()), "callback_state"),
    ];
    for (user, code) in cases {
        each(|town, caller| {
            town.user(move |_, url| user(url));
            let error = caller.refused("read");
            assert_eq!(error.code(), code, "{error}");
            assert_eq!(town.count(ONE, EndpointName::Token), 0, "no code was sent");
        });
    }
}

/// The HTTP client fails: that is no refusal, and nobody is asked for anything.
#[test]
fn a_resource_that_does_not_answer_is_not_authorized_for() {
    each(|town, caller| {
        town.change(|net| {
            net.down.insert("https://mcp.example");
        });
        let error = caller.send(Ask("read")).unwrap_err();
        assert_eq!(error, ResourceError::Transport("no route to host".to_owned()));
        assert_eq!((town.visits(), error.code()), (0, "no_response"));
    });
}

/// Each server on the way is down in turn. When it is back, the next request gets in.
#[test]
fn an_outage_on_the_way_is_told_and_the_next_request_begins_again() {
    each(|town, caller| {
        town.change(|net| {
            net.down.insert(ONE);
        });
        let error = caller.refused("read");
        assert_eq!(error.code(), "no_response", "{error}");
        assert!(error.to_string().contains("one.example"), "{error}");
        town.change(|net| net.down.clear());
        town.clock.advance(2);
        caller.does("read");
    });
}

/// M36: every method gets in alike: a stream that begins with GET, the end of a session with DELETE.
#[test]
fn every_method_gets_in_alike() {
    for method in ["GET", "POST", "DELETE", "PUT"] {
        let town = Town::new();
        let resource = town.blocking().build().unwrap();
        let request = http::Request::builder().method(method).uri(RESOURCE).body(b"read".to_vec()).unwrap();
        let answer = resource.fetch(request).unwrap();
        assert_eq!(answer.body(), b"did read", "{method}");
        assert_eq!(town.visits(), 1);
    }
}

/// A request to another server, and one with credentials of its own, are refused before anything is sent.
#[test]
fn a_token_goes_to_the_resource_alone() {
    let elsewhere =
        ["https://evil.example/mcp", "https://mcp.example.evil.example/mcp", "https://mcp.example:8443/mcp"];
    let town = Town::new();
    let resource = town.blocking().build().unwrap();
    for url in elsewhere {
        let request = http::Request::post(url).body(b"read".to_vec()).unwrap();
        assert_eq!(resource.fetch(request).unwrap_err().code(), "config_other_origin", "{url}");
    }
    let own = http::Request::post(RESOURCE).header("authorization", "Bearer x").body(Vec::new()).unwrap();
    assert_eq!(resource.fetch(own).unwrap_err().code(), "config_credentials");
    assert!(town.log().is_empty());
}

/// A body that is too large is an error of its own, and the limit is a setting.
#[test]
fn a_fetch_reads_so_many_bytes_and_no_more() {
    for (limit, fits) in [(7, false), (8, true), (1_024, true)] {
        let town = Town::new();
        let resource = town.blocking().max_body(limit).build().unwrap();
        let fetched = resource.fetch(http::Request::post(RESOURCE).body(b"read".to_vec()).unwrap());
        match fetched {
            Ok(response) => assert!(fits && response.body() == b"did read"),
            Err(error) => assert_eq!((fits, error), (false, ResourceError::TooLarge { limit })),
        }
    }
}
