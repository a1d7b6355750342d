//! More scopes: asked for once, added to what was there, and never in a circle.

use super::{
    town::{ONE, each_with, refusal},
    *,
};
use oidc_drive::resource::AccessError;
use oidc_proto::{Remedy, flow::ScopeStepUpError};
use oidc_testkit::EndpointName;

/// M1, M2, M4: a step-up is an authorization for the union, and never a refresh.
#[test]
fn a_missing_scope_is_asked_for_beside_the_old_ones() {
    each(|town, caller| {
        caller.does("read");
        caller.does("write");
        assert_eq!(town.asked("scope").as_deref(), Some("mcp:read mcp:write"));
        caller.does("admin");
        assert_eq!(town.asked("scope").as_deref(), Some("mcp:read mcp:write mcp:admin"));
        // Nothing was lost on the way.
        for operation in ["read", "write", "admin"] {
            caller.does(operation);
        }
        assert_eq!(
            (town.visits(), town.count(ONE, EndpointName::Token)),
            (3, 3),
            "each code was sent, and nothing else"
        );
        town.assert_clean();
    });
}

/// The token has the scope, and the resource demands it for ever.
#[test]
fn a_scope_that_does_not_help_is_asked_for_once() {
    each(|town, caller| {
        town.change(|net| {
            net.needs.insert("admin", vec!["mcp:admin", "mcp:never"]);
            let provider = net.servers.get_mut(ONE).unwrap();
            provider.alter_access_token(oidc_testkit::hostile::set_claim("scope", "mcp:read"));
        });
        caller.does("read");
        for _ in 0..3 {
            let error = caller.refused("admin");
            assert_eq!(error, AccessError::Scope(ScopeStepUpError::NothingNew), "{error}");
            assert_eq!(error.remedy(), Remedy::LogInAgain);
            town.clock.advance(2);
        }
        assert_eq!(town.visits(), 2, "the login, and one step-up");
        caller.does("read");
    });
}

/// The resource demands another scope each time.
#[test]
fn a_user_is_asked_three_times_at_most_for_one_request() {
    each(|town, caller| {
        town.change(|net| {
            net.needs.insert("admin", vec!["s1"]);
            let provider = net.servers.get_mut(ONE).unwrap();
            provider.alter_access_token(oidc_testkit::hostile::set_claim("scope", ""));
        });
        let mut more = ["s2", "s3", "s4", "s5", "s6"].into_iter();
        town.user(move |town, url| {
            let next = more.next().unwrap();
            town.change(|net| net.needs.insert("admin", vec![next]));
            Ok(town.agree(url))
        });
        let error = caller.refused("admin");
        assert_eq!(error, AccessError::Scope(ScopeStepUpError::TooOften { limit: 3 }), "{error}");
        assert_eq!(town.visits(), 3);
    });
}

/// The limit is a setting, and a request goes on as often as it says.
#[test]
fn a_program_may_let_a_user_be_asked_more_often() {
    for limit in [1, 5, 9] {
        each_with(
            |town| (town.asynchronous().max_authorizations(limit), town.blocking().max_authorizations(limit)),
            |town, caller| {
                town.change(|net| net.refuses_all = true);
                let error = caller.refused("read");
                assert_eq!(error, AccessError::Scope(ScopeStepUpError::TooOften { limit }), "{error}");
                assert_eq!(town.visits(), usize::from(limit));
            },
        );
    }
}

/// The user refuses the step-up: the old access stays, and the refusal is remembered until the program asks again.
#[test]
fn a_refused_step_up_loses_nothing() {
    each(|town, caller| {
        caller.does("read");
        town.user(|_, url| Ok(refusal(url, "access_denied")));
        assert_eq!(caller.refused("write").code(), "callback_denied");
        town.clock.advance(2);
        assert_eq!(caller.refused("write"), AccessError::Scope(ScopeStepUpError::NothingNew));
        caller.does("read");
        assert_eq!(town.visits(), 2);

        town.change(|net| net.user = None);
        caller.ask_again();
        town.clock.advance(2);
        caller.does("write");
        caller.does("read");
    });
}

/// A failure that is nobody's decision is not remembered as a refusal.
#[test]
fn a_step_up_in_an_outage_is_tried_again() {
    each(|town, caller| {
        caller.does("read");
        town.change(|net| {
            net.down.insert(ONE);
        });
        assert_eq!(caller.refused("write").code(), "no_response");
        town.change(|net| net.down.clear());
        town.clock.advance(2);
        caller.does("write");
    });
}

#[test]
fn a_scope_outside_of_the_list_is_refused_before_the_user_is_asked() {
    each_with(
        |town| {
            let list = ["mcp:read", "mcp:write"];
            (town.asynchronous().only_scopes(list), town.blocking().only_scopes(list))
        },
        |town, caller| {
            caller.does("read");
            caller.does("write");
            assert_eq!(caller.refused("admin"), AccessError::Scope(ScopeStepUpError::NotAllowed));
            assert_eq!(town.visits(), 2);
        },
    );
}
