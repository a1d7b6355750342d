//! Tokens that the resource refuses: refreshed once, then asked for anew, and then an error.

use super::{
    town::{ONE, each_with},
    *,
};
use oidc_drive::resource::AccessError;
use oidc_proto::flow::ScopeStepUpError;
use oidc_testkit::{EndpointName, hostile};

fn revoke(town: &Town) {
    let newest = town.log().iter().rev().find_map(|seen| {
        let token = seen.authorization.as_ref()?.strip_prefix("Bearer ")?;
        Some(token.to_owned())
    });
    town.change(|net| net.revoked.insert(newest.expect("a token")));
}

#[test]
fn a_refused_token_is_refreshed_and_nobody_is_asked() {
    each(|town, caller| {
        caller.does("read");
        for turn in 1..4 {
            revoke(town);
            town.clock.advance(2);
            caller.does("read");
            assert_eq!((town.visits(), town.count(ONE, EndpointName::Token)), (1, 1 + turn));
        }
        town.assert_clean();
    });
}

#[test]
fn an_expired_token_is_refreshed_before_it_is_sent() {
    each(|town, caller| {
        caller.does("read");
        let before = town.log().iter().filter(|seen| seen.url == RESOURCE).count();
        town.clock.advance(86_400);
        caller.does("read");
        let after = town.log().iter().filter(|seen| seen.url == RESOURCE).count();
        assert_eq!((town.visits(), after - before), (1, 1), "the expired token was not sent");
        town.assert_clean();
    });
}

/// M25: a server that is down has not ended the login.
#[test]
fn a_refresh_in_an_outage_is_tried_again_and_loses_nothing() {
    for status in [500, 502, 503] {
        each(|town, caller| {
            caller.does("read");
            town.clock.advance(86_400);
            town.change(|net| {
                let busy = hostile::respond(status, "text/plain", "busy");
                net.servers
                    .get_mut(ONE)
                    .unwrap()
                    .alter_response(EndpointName::Token, hostile::times(9, busy));
            });
            for _ in 0..3 {
                let error = caller.refused("read");
                assert!(!matches!(error, AccessError::Scope(_)), "{error}");
                town.clock.advance(5);
            }
            assert_eq!(town.visits(), 1, "nobody was asked to log in");
        });
    }
}

/// M5: a refresh without a new refresh token keeps the old one.
#[test]
fn a_server_that_does_not_rotate_is_asked_with_the_same_token_again() {
    each(|town, caller| {
        town.change(|net| net.servers.get_mut(ONE).unwrap().rotate_refresh_tokens(false));
        caller.does("read");
        for turn in 1..4 {
            town.clock.advance(86_400);
            caller.does("read");
            assert_eq!((town.visits(), town.count(ONE, EndpointName::Token)), (1, 1 + turn));
        }
    });
}

/// The login is over: the resource says what it wants, and the user is asked once more.
#[test]
fn a_refresh_token_that_is_not_valid_any_more_leads_to_the_user() {
    each(|town, caller| {
        caller.does("read");
        town.clock.advance(86_400);
        town.change(|net| {
            let over = hostile::oauth_error(400, "invalid_grant");
            net.servers.get_mut(ONE).unwrap().alter_response(EndpointName::Token, hostile::times(1, over));
        });
        caller.does("read");
        assert_eq!(town.visits(), 2);
    });
}

/// A resource that accepts no token at all.
#[test]
fn a_user_is_not_asked_for_ever() {
    each(|town, caller| {
        town.change(|net| net.refuses_all = true);
        for _ in 0..4 {
            let error = caller.refused("read");
            assert_eq!(error, AccessError::Scope(ScopeStepUpError::TooOften { limit: 3 }), "{error}");
            town.clock.advance(2);
        }
        assert_eq!(town.visits(), 3, "in all requests together");
        let sent = town.log().len();
        assert!(sent < 60, "{sent} requests");
    });
}

/// M26: a token that lives for a minute is not refreshed before every request.
#[test]
fn the_margin_depends_on_the_life_of_the_token() {
    for life in [8, 60, 240] {
        each(|town, caller| {
            town.change(|net| {
                let provider = net.servers.get_mut(ONE).unwrap();
                provider.alter_response(EndpointName::Token, hostile::set_member("expires_in", life));
            });
            for _ in 0..4 {
                caller.does("read");
            }
            assert_eq!(town.count(ONE, EndpointName::Token), 1, "{life} s");
            town.clock.advance(life);
            caller.does("read");
            assert_eq!((town.count(ONE, EndpointName::Token), town.visits()), (2, 1), "{life} s");
        });
    }
}

/// M6, M7: the same string in every request, to the letter.
#[test]
fn the_resource_is_named_to_the_letter_in_every_request() {
    each(|town, caller| {
        caller.does("read");
        town.clock.advance(86_400);
        caller.does("read");
        caller.does("write");
        let named: Vec<String> = town.change(|net| {
            let seen = net.servers[ONE].requests();
            seen.iter().filter_map(|seen| seen.parameter("resource")).collect()
        });
        assert!(named.len() >= 5 && named.iter().all(|resource| resource == RESOURCE), "{named:?}");
    });
}

/// M8: a server that takes no resource in a refresh, by a named setting. M27: a refresh names no scope, so none that was never
/// granted.
#[test]
fn a_refresh_names_the_resource_unless_it_is_told_not_to_and_never_a_scope() {
    for named in [true, false] {
        each_with(
            |town| match named {
                true => (town.asynchronous(), town.blocking()),
                false => {
                    (town.asynchronous().no_resource_on_refresh(), town.blocking().no_resource_on_refresh())
                }
            },
            |town, caller| {
                caller.does("read");
                caller.does("write");
                town.clock.advance(86_400);
                caller.does("write");
                let refresh =
                    town.log().into_iter().rev().find(|seen| seen.body.contains("grant_type=refresh_token"));
                let body = refresh.unwrap().body;
                assert_eq!(body.contains("resource=https%3A%2F%2Fmcp.example%2Fmcp"), named, "{body}");
                assert!(!body.contains("scope="), "{body}");
            },
        );
    }
}

/// M42: a redirect is an answer of the resource, which nobody follows with a token.
#[test]
fn a_redirect_of_the_resource_is_not_followed() {
    for status in [301, 302, 307, 308] {
        each(|town, caller| {
            caller.does("read");
            town.change(|net| net.pages.insert(RESOURCE.to_owned(), (status, "elsewhere".to_owned())));
            let before = town.log().len();
            assert_eq!(caller.send(Ask("read")).unwrap().status().as_u16(), status);
            assert_eq!(town.log().len(), before + 1);
        });
    }
}
