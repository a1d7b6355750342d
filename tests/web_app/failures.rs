//! Failures: a page explains each of them in words and with the right status, and offers a way on that
//! works.

use crate::{
    visitor::{Page, Visitor, choose},
    world::{BOTH, How, World},
};
use http::Request;
use oidc_proto::flow::PENDING_LIFETIME;
use oidc_testkit::{EndpointName, hostile};
use std::future::Future as _;

const ORIGIN: &str = "http://127.0.0.1:8080";

/// Checks that the page has this text, and that its link leads to a login that works.
#[track_caller]
fn assert_says(page: &Page, status: u16, title: &str, technical: &str) {
    assert_eq!((page.status.as_u16(), page.title(), page.technical()), (status, title, technical));
    assert!(page.text.contains("href=\"/\">Home</a>"), "{}", page.text);
}

async fn assert_goes_on(world: &World, alice: &mut Visitor, failed: &Page, next: &str) {
    let asked = alice.get(&failed.again()).await.leads_to().to_owned();
    let callback = choose(world, &asked, "alice").await;
    assert_eq!(alice.get(&callback).await.leads_to(), next);
    assert_eq!(alice.get("/private").await.title(), "Your page");
    assert_eq!(alice.press("/logout").await.leads_to(), "/");
    for secret in world.secrets() {
        assert!(!failed.text.contains(&secret), "{secret} in {}", failed.text);
    }
}

#[tokio::test]
async fn an_outage_of_the_provider_is_a_503_at_every_step() {
    for how in BOTH {
        let mut world = World::start(how, ORIGIN).await;
        let site = world.site();
        let mut alice = Visitor::new(&site);
        let page = world.without_provider(alice.get("/login?next=/private")).await;
        assert_says(&page, 503, "The login service does not answer", "no_response");
        assert_goes_on(&world, &mut alice, &page, "/private").await;

        let asked = alice.begin("/private/letters").await;
        let callback = choose(&world, &asked, "alice").await;
        let page = world.without_provider(alice.get(&callback)).await;
        assert_says(&page, 503, "The login service does not answer", "no_response");
        assert_goes_on(&world, &mut alice, &page, "/private/letters").await;

        // The provider may also say that it is busy, and for how long.
        let busy = hostile::times(1, hostile::retry_after(7));
        world.provider(|provider| provider.alter_response(EndpointName::Token, busy));
        let page = alice.log_in(&world, "/private").await;
        assert_says(&page, 503, "The login service does not answer", "unavailable");
        assert_eq!(page.header("retry-after"), "7");
        assert_goes_on(&world, &mut alice, &page, "/private").await;
        let busy = hostile::times(1, hostile::retry_after(9));
        world.provider(|provider| provider.alter_response(EndpointName::Discovery, busy));
        let fresh_node = world.site();
        let page = Visitor::new(&fresh_node).get("/login?next=/private").await;
        assert_says(&page, 503, "The login service does not answer", "unavailable");
        assert_eq!(page.header("retry-after"), "9");
        world.provider(|provider| provider.assert_clean());
    }
}

#[tokio::test]
async fn a_nonsensical_response_of_the_provider_is_a_502_and_logs_no_user_in() {
    for how in BOTH {
        let world = World::start(how, ORIGIN).await;
        let html = || hostile::respond(200, "text/html", "<h1>Welcome to your hotel's network</h1>");
        let nonsense = "The login service gave a wrong answer";
        world
            .provider(|provider| provider.alter_response(EndpointName::Discovery, hostile::times(1, html())));
        let mut alice = Visitor::new(&world.site());
        let page = alice.get("/login?next=/private").await;
        assert_says(&page, 502, nonsense, "response_media_type");
        world.watch.advance(60);
        assert_goes_on(&world, &mut alice, &page, "/private").await;

        world.provider(|provider| provider.alter_response(EndpointName::Token, hostile::times(1, html())));
        let page = alice.log_in(&world, "/private").await;
        assert_says(&page, 502, nonsense, "response_json");
        assert_goes_on(&world, &mut alice, &page, "/private").await;

        world.provider(|provider| provider.break_signatures(true));
        let page = alice.log_in(&world, "/private").await;
        assert_says(&page, 502, nonsense, "jws_signature");
        world.provider(|provider| provider.break_signatures(false));
        assert_goes_on(&world, &mut alice, &page, "/private").await;

        // The provider rejects the code, or the client.
        for (error, status, title) in [
            ("invalid_grant", 400, "This login is no longer valid"),
            ("invalid_client", 500, "Logging in does not work at the moment"),
            ("server_error", 503, "The login service does not answer"),
            ("interaction_required", 403, "You are not logged in"),
        ] {
            let refuse = hostile::times(1, hostile::oauth_error(400, error));
            world.provider(|provider| provider.alter_response(EndpointName::Token, refuse));
            let page = alice.log_in(&world, "/private").await;
            assert_eq!((page.status.as_u16(), page.title()), (status, title));
            assert!(page.technical().starts_with(&format!("{error}: token_endpoint answered 400")));
            assert_goes_on(&world, &mut alice, &page, "/private").await;
        }
    }
}

/// Keycloak reports a login page that was left open as an outage. Waiting does not help, and a new login does.
#[tokio::test]
async fn a_login_page_that_was_left_open_for_too_long_is_no_outage() {
    for how in BOTH {
        let world = World::start(how, ORIGIN).await;
        let mut alice = Visitor::new(&world.site());
        let asked = alice.begin("/private").await;
        world.provider(|provider| provider.deny_next("temporarily_unavailable"));
        let callback = choose(&world, &asked, "alice").await;
        let page = alice.get(&format!("{callback}&error_description=authentication_expired")).await;
        assert_eq!((page.status.as_u16(), page.title()), (400, "This login is no longer valid"));
        assert_goes_on(&world, &mut alice, &page, "/private").await;
    }
}

#[tokio::test]
async fn a_refusal_by_the_provider_differs_from_a_failure() {
    for how in BOTH {
        let world = World::start(how, ORIGIN).await;
        let mut alice = Visitor::new(&world.site());
        for (error, status, title) in [
            ("access_denied", 403, "You are not logged in"),
            ("account_selection_required", 403, "You are not logged in"),
            ("login_required", 403, "You are not logged in"),
            ("an_error_of_its_own", 403, "You are not logged in"),
            // The user can do nothing about these errors.
            ("invalid_scope", 500, "Logging in does not work at the moment"),
            ("unauthorized_client", 500, "Logging in does not work at the moment"),
            ("request_not_supported", 500, "Logging in does not work at the moment"),
            ("server_error", 503, "The login service does not answer"),
            ("temporarily_unavailable", 503, "The login service does not answer"),
        ] {
            let asked = alice.begin("/private?x=1&y=2").await;
            world.provider(|provider| provider.deny_next(error));
            let callback = choose(&world, &asked, "alice").await;
            let page = alice.get(&callback).await;
            assert_says(&page, status, title, &format!("callback_denied: `{error}`"));
            assert_goes_on(&world, &mut alice, &page, "/private?x=1&y=2").await;
        }
    }
}

#[tokio::test]
async fn an_expired_or_unknown_login_begins_again() {
    for how in BOTH {
        let world = World::start(how, ORIGIN).await;
        let mut alice = Visitor::new(&world.site());
        let asked = alice.begin("/private/letters").await;
        world.watch.advance(PENDING_LIFETIME.as_secs().cast_signed() + 1);
        let page = alice.get(&choose(&world, &asked, "alice").await).await;
        assert_says(&page, 400, "This login took too long", "callback_expired");
        assert_goes_on(&world, &mut alice, &page, "/private/letters").await;

        let asked = alice.begin("/private/letters").await;
        alice.cookies.clear();
        let page = alice.get(&choose(&world, &asked, "alice").await).await;
        assert_says(&page, 400, "This login is not known here", "login_unknown");
        assert_goes_on(&world, &mut alice, &page, "/").await;

        for (query, code) in [("code=1&code=2", "callback_form"), ("code=%ff", "callback_form")] {
            let page = alice.get(&format!("/callback?{query}")).await;
            assert_says(&page, 400, "This link does not answer a login", code);
        }
        for query in ["", "?", "?code=x", "?error=access_denied"] {
            let page = alice.get(&format!("/callback{query}")).await;
            assert_says(&page, 400, "This login is not known here", "login_unknown");
        }
        // A mix-up: a response of another provider.
        let asked = alice.begin("/private").await;
        let callback = choose(&world, &asked, "alice").await;
        let page = alice.get(&callback.replace("&iss=", "&iss=https://evil.example/")).await;
        assert_says(&page, 400, "This link does not answer a login", "callback_issuer");
    }
}

#[tokio::test]
async fn a_repeated_callback_leads_to_the_original_destination() {
    for how in BOTH {
        let world = World::start(how, ORIGIN).await;
        let mut alice = Visitor::new(&world.site());
        let asked = alice.begin("/private/letters").await;
        let callback = choose(&world, &asked, "alice").await;
        let other = alice.begin("/private").await;
        for time in ["first", "second", "third"] {
            assert_eq!(alice.get(&callback).await.leads_to(), "/private/letters", "{time}");
        }
        let tokens = |world: &World| world.provider(|provider| provider.count(EndpointName::Token));
        assert_eq!(tokens(&world), 1, "the code was sent once");
        let callback = choose(&world, &other, "alice").await;
        assert_eq!(alice.get(&callback).await.leads_to(), "/private");
        assert_eq!(tokens(&world), 2);
        // Without a session there is a way on, which leads to the original destination.
        alice.press("/logout").await;
        let page = alice.get(&callback).await;
        assert_says(&page, 400, "This login is not known here", "login_unknown");
        assert_goes_on(&world, &mut alice, &page, "/private").await;
        world.provider(|provider| provider.assert_clean());
    }
}

/// A double click, or a page that is reloaded while it loads: the cookie is in both requests. A site with a
/// handle sends the code once, and the provider has nothing to revoke.
#[tokio::test]
async fn two_callbacks_at_once_are_one_login() {
    let world = World::start(How::ByHandle, ORIGIN).await;
    let site = world.site();
    let mut alice = Visitor::new(&site);
    let asked = alice.begin("/private/letters").await;
    let callback = choose(&world, &asked, "alice").await;
    let mut other = Visitor::new(&site);
    other.cookies = alice.cookies.clone();
    // A third request hangs up: a browser does that when its user clicks again.
    let mut first = Visitor::new(&site);
    first.cookies = alice.cookies.clone();
    {
        let mut hung_up = std::pin::pin!(first.get(&callback));
        let both = async { tokio::join!(alice.get(&callback), other.get(&callback)) };
        let mut both = std::pin::pin!(both);
        let mut polled = 0;
        let (one, two) = std::future::poll_fn(|context| {
            polled += 1;
            if polled == 1 {
                assert!(hung_up.as_mut().poll(context).is_pending());
            }
            both.as_mut().poll(context)
        })
        .await;
        assert_eq!([one.leads_to(), two.leads_to()], ["/private/letters"; 2]);
    }
    for mut visitor in [alice, other] {
        assert_eq!(visitor.get("/private").await.title(), "Your page");
    }
    world.provider(|provider| {
        assert_eq!(provider.count(EndpointName::Token), 1, "the code was sent once");
        // The provider knows of no repeated code, for which it would have revoked the tokens.
        provider.assert_clean();
    });
}

#[tokio::test]
async fn a_session_ends_and_an_unknown_path_has_a_page_too() {
    for how in BOTH {
        let world = World::start(how, ORIGIN).await;
        let mut alice = Visitor::new(&world.site());
        alice.log_in(&world, "/private").await;
        let names: Vec<_> = alice.cookies.keys().collect();
        assert!(names[0].starts_with("8080-login-"), "no `__Host-` on loopback: {names:?}");
        assert_eq!(names[1..], ["8080-session"]);
        world.watch.advance(crate::site::SESSION_LIFETIME - 60);
        assert_eq!(alice.get("/private").await.title(), "Your page");
        world.watch.advance(60);
        assert_eq!(alice.get("/private?a=1&b").await.leads_to(), "/login?next=%2Fprivate%3Fa%3D1%26b");
        assert!(alice.get("/").await.text.contains("You are not logged in."));
        assert_eq!(alice.log_in(&world, "/private?a=1&b").await.leads_to(), "/private?a=1&b");
        let asked = world.provider(|provider| provider.count(EndpointName::Discovery));
        assert_eq!(asked, 2, "the provider's metadata does not serve without end");

        let lost = alice.get("/nothing/here").await;
        assert_says(&lost, 404, "There is no such page", "page_unknown");
        let wrong = alice.send(Request::put("/private")).await;
        assert_says(&wrong, 405, "This address does not work as a link", "method_not_allowed");
    }
}

#[tokio::test]
async fn a_foreign_cookie_that_is_no_text_does_not_hide_ours() {
    for how in BOTH {
        let world = World::start(how, ORIGIN).await;
        let mut alice = Visitor::new(&world.site());
        for name in ["analytics", "zebra"] {
            alice.cookies.insert(name.into(), "caf\u{e9}".into());
        }
        assert_eq!(alice.log_in(&world, "/private").await.leads_to(), "/private");
        assert_eq!(alice.get("/private").await.title(), "Your page");
        assert_eq!(alice.press("/logout").await.leads_to(), "/");
        assert!(alice.get("/").await.text.contains("You are not logged in."));
    }
}

/// A browser that reopens all its tabs requests all of them at once, with its present cookies.
#[tokio::test]
async fn logins_that_begin_at_once_do_not_replace_each_other() {
    for how in BOTH {
        let world = World::start(how, ORIGIN).await;
        let site = world.site();
        let pages = ["/private", "/private/letters", "/private?x=1"];
        let mut alice = Visitor::new(&site);
        let mut asked = Vec::new();
        for page in pages {
            // Sent before the response to the others has come.
            let mut tab = Visitor::new(&site);
            asked.push(tab.begin(page).await);
            alice.cookies.append(&mut tab.cookies);
        }
        let mut session = None;
        for (asked, page) in asked.iter().zip(pages) {
            // No login completes before the others do.
            let callback = choose(&world, asked, "alice").await;
            assert_eq!(alice.get(&callback).await.leads_to(), page);
            session = session.or(alice.cookies.remove("8080-session"));
        }
        alice.cookies.extend(session.map(|session| ("8080-session".to_owned(), session)));
        assert_eq!(alice.get("/private").await.title(), "Your page");
        world.provider(|provider| provider.assert_clean());
    }
}

#[tokio::test]
async fn the_operator_learns_of_failures_and_not_of_decisions_of_users() {
    for how in BOTH {
        let mut world = World::start(how, ORIGIN).await;
        let mut alice = Visitor::new(&world.site());
        world.without_provider(alice.get("/login?next=/private")).await;
        let told = world.told();
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(
            told[0].starts_with("a login has failed (no_response): ") && told[0].contains("refused"),
            "{told:?}"
        );
        world.provider(|provider| provider.break_signatures(true));
        alice.log_in(&world, "/private").await;
        let told = world.told().concat();
        assert!(
            told.starts_with("a login has failed (jws_signature): ") && told.contains("signature"),
            "{told}"
        );
        for secret in world.secrets() {
            assert!(!told.contains(&secret), "{secret} in {told}");
        }
        world.provider(|provider| provider.break_signatures(false));
        let refuse = hostile::times(1, hostile::oauth_error(401, "invalid_client"));
        world.provider(|provider| provider.alter_response(EndpointName::Token, refuse));
        alice.log_in(&world, "/private").await;
        let told = world.told().concat();
        assert!(told.starts_with("a login has failed (invalid_client): "), "{told}");
        assert_eq!(told.matches("`invalid_client`").count(), 1, "{told}");
        let asked = alice.begin("/private").await;
        alice.get(&choose(&world, &asked, "").await).await;
        alice.get("/callback?state=unknown&code=x").await;
        alice.get("/callback?code=1&code=2").await;
        assert_eq!(world.told(), Vec::<String>::new());
    }
}

/// Before any user tries to log in.
#[tokio::test]
async fn impossible_settings_fail_at_the_start() {
    for issuer in ["op.example", "http://op.example", "https://op.example/?x", "https://10.0.0.1"] {
        let at = || crate::embedded::registered(issuer, format!("{ORIGIN}/callback"));
        let clock = std::sync::Arc::new(oidc_drive::SystemClock);
        assert!(crate::login::ByHandle::new(at(), clock.clone()).is_err(), "{issuer}");
        assert!(crate::login_by_hand::ByHand::new(at(), clock).is_err(), "{issuer}");
    }
    for issuer in ["https://localhost:8443", "http://127.0.0.1:8080/realms/one", "https://op.example"] {
        let at = || crate::embedded::registered(issuer, format!("{ORIGIN}/callback"));
        let clock = std::sync::Arc::new(oidc_drive::SystemClock);
        assert!(crate::login::ByHandle::new(at(), clock.clone()).is_ok(), "{issuer}");
        assert!(crate::login_by_hand::ByHand::new(at(), clock).is_ok(), "{issuer}");
    }
    for (url, origin) in [
        ("https://app.example", "https://app.example"),
        ("https://APP.example:443/", "https://app.example"),
        ("http://localhost:8080", "http://localhost:8080"),
        ("http://[::1]:8080", "http://[::1]:8080"),
    ] {
        assert_eq!(crate::site::public_origin(url).as_deref(), Ok(origin));
    }
    for wrong in [
        "",
        "app.example",
        "https://app.example/app",
        "https://app.example/?x",
        "https://user@app.example",
        "http://app.example",
        "ftp://app.example",
        "data:text/html,x",
    ] {
        assert!(crate::site::public_origin(wrong).is_err(), "{wrong}");
    }
}

/// To a browser they are one host, with their cookies in one jar.
#[tokio::test]
async fn two_applications_on_two_ports_do_not_disturb_each_other() {
    for how in BOTH {
        let (one, two) = (World::start(how, ORIGIN).await, World::start(how, "http://127.0.0.1:8081").await);
        let (first, second) = (one.site(), two.site());
        let mut alice = Visitor::new(&first);
        alice.log_in(&one, "/private").await;
        let mut alice = alice.at(&second);
        alice.log_in(&two, "/private").await;
        assert_eq!(alice.press("/logout").await.leads_to(), "/");
        let mut alice = alice.at(&first);
        assert_eq!(alice.get("/private").await.title(), "Your page");
    }
}
