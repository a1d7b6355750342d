//! Another authorization server, and a client that was forgotten.

use super::{
    town::{ONE, TWO, each_with, refusal},
    *,
};
use oidc_testkit::EndpointName;
use serde_json::json;

/// M18: after the resource has moved, nothing of the old server is shown to the new one.
#[test]
fn a_resource_that_moves_is_followed_and_the_old_credentials_stay() {
    each(|town, caller| {
        caller.does("read");
        caller.does("write");
        let _before = town.urls();
        town.change(|net| net.metadata["authorization_servers"] = json!([TWO]));
        caller.does("read");
        assert_eq!(town.visits(), 3);
        assert_eq!(
            town.asked("scope").as_deref(),
            Some("mcp:read"),
            "what was granted there says nothing here"
        );
        assert!(town.urls().iter().all(|url| !url.starts_with(ONE)), "the old server is not asked");
        let secret = |issuer: &str| {
            use base64::{Engine as _, engine::general_purpose::STANDARD};
            format!(
                "Basic {}",
                STANDARD.encode(format!(
                    "app:{}",
                    format!("the secret at {issuer}")
                        .replace(' ', "+")
                        .replace(':', "%3A")
                        .replace('/', "%2F")
                ))
            )
        };
        for seen in town.log() {
            let Some(basic) = seen.authorization.filter(|value| value.starts_with("Basic ")) else {
                continue;
            };
            let owner = if seen.url.starts_with(ONE) { ONE } else { TWO };
            assert_eq!(basic, secret(owner), "{}", seen.url);
        }
        town.assert_clean();
    });
}

/// The same server moves its token endpoint. What the handle has read of it before does not count any more.
#[test]
fn a_server_that_moves_its_endpoints_is_followed() {
    each(|town, caller| {
        caller.does("read");
        let moved = oidc_testkit::hostile::set_member("token_endpoint", format!("{ONE}/moved"));
        town.change(|net| {
            let server = net.servers.get_mut(ONE).unwrap();
            server.alter_response(EndpointName::OAuthMetadata, moved);
        });
        let before = town.count(ONE, EndpointName::Token);
        assert!(!caller.refused("write").code().is_empty(), "there is nothing at the new place");
        assert_eq!(town.count(ONE, EndpointName::Token), before, "the old place was not asked");
        assert!(town.urls().contains(&format!("{ONE}/moved")));
    });
}

/// The resource has moved for a while, and the user refuses the other server, or it is down: the old access is still there.
#[test]
fn a_server_that_the_user_refuses_or_that_is_down_ends_nothing_at_the_old_one() {
    for is_down in [false, true] {
        each(|town, caller| {
            caller.does("read");
            town.change(|net| net.metadata["authorization_servers"] = json!([TWO]));
            if is_down {
                town.change(|net| net.down.insert(TWO));
                assert_eq!(caller.refused("read").code(), "no_response");
            } else {
                town.user(|_, url| Ok(refusal(url, "access_denied")));
                assert_eq!(caller.refused("read").code(), "callback_denied");
            }
            town.change(|net| {
                net.metadata["authorization_servers"] = json!([ONE]);
                net.user = None;
            });
            town.clock.advance(2);
            caller.does("read");
            assert_eq!(town.visits(), if is_down { 1 } else { 2 });
            // What the user was asked for at the old server is known, too.
            caller.does("write");
            assert_eq!(town.asked("scope").as_deref(), Some("mcp:read mcp:write"));
        });
    }
}

/// Two servers that the resource names in turn do not lead a user in a circle.
#[test]
fn a_resource_that_moves_to_and_fro_ends() {
    each(|town, caller| {
        let mut turn = 0;
        town.user(move |town, url| {
            let back = town.agree(url);
            turn += 1;
            let next = [TWO, ONE][(turn - 1) % 2];
            town.change(|net| net.metadata["authorization_servers"] = json!([next]));
            Ok(back)
        });
        assert_eq!(caller.refused("read").code(), "step_up_too_often");
        assert_eq!(town.visits(), 3);
    });
}

/// A program that registers itself does so once at each server.
#[test]
fn a_program_registers_itself_once_at_each_server() {
    each_with(
        |town| (town.asynchronous().identities(Town::unknown()), town.blocking().identities(Town::unknown())),
        |town, caller| {
            town.change(|net| net.servers.values_mut().for_each(|server| server.accept_registrations()));
            for operation in ["read", "write", "admin"] {
                caller.does(operation);
            }
            assert_eq!(town.count(ONE, EndpointName::Registration), 1);
            town.change(|net| net.metadata["authorization_servers"] = json!([TWO]));
            caller.does("read");
            assert_eq!(
                (town.count(ONE, EndpointName::Registration), town.count(TWO, EndpointName::Registration)),
                (1, 1)
            );
            town.assert_clean();
        },
    );
}

/// M19: a client that the server has forgotten is registered anew, once.
#[test]
fn a_forgotten_client_registers_anew_once() {
    each_with(
        |town| (town.asynchronous().identities(Town::unknown()), town.blocking().identities(Town::unknown())),
        |town, caller| {
            town.change(|net| net.servers.values_mut().for_each(|server| server.accept_registrations()));
            caller.does("read");
            town.change(|net| forget(net.servers.get_mut(ONE).unwrap()));
            town.clock.advance(86_400);
            caller.does("read");
            assert_eq!((town.count(ONE, EndpointName::Registration), town.visits()), (2, 2));
        },
    );
}

/// A client that was registered by hand elsewhere is not tried here.
#[test]
fn a_server_at_which_nobody_has_registered_the_program_is_an_error_that_says_so() {
    each(|town, caller| {
        let other = "https://one.example/tenant";
        town.change(|net| net.metadata["authorization_servers"] = json!([other]));
        town.change(|net| {
            let document = json!({
                "issuer": other,
                "authorization_endpoint": format!("{other}/authorize"),
                "token_endpoint": format!("{other}/token"),
                "response_types_supported": ["code"],
                "code_challenge_methods_supported": ["S256"],
            });
            let place = "https://one.example/.well-known/oauth-authorization-server/tenant";
            net.pages.insert(place.to_owned(), (200, document.to_string()));
        });
        let error = caller.refused("read");
        assert_eq!(error.code(), "no_client_identity", "{error}");
        assert!(error.to_string().contains(other), "{error}");
        assert_eq!(town.visits(), 0);
    });
}

fn forget(server: &mut oidc_testkit::TestProvider) {
    let known: Vec<String> = server.registered_clients().into_iter().map(str::to_owned).collect();
    known.iter().for_each(|client_id| server.forget_client(client_id));
}
