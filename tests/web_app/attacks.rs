//! Attacks with links, forms and cookies: none has an effect.

use crate::{
    visitor::{Visitor, choose},
    world::{BOTH, KEY, World},
};
use http::Request;
use oidc_proto::flow::{AppState, SealError, SealingKeys};
use oidc_testkit::EndpointName;

const ORIGIN: &str = "https://app.example";

#[tokio::test]
async fn a_login_leads_only_to_a_page_of_this_site() {
    for how in BOTH {
        let world = World::start(how, ORIGIN).await;
        let site = world.site();
        for evil in [
            "https://evil.example/",
            "//evil.example/",
            "///evil.example/",
            "/\\evil.example/",
            "\\/evil.example/",
            "/\t/evil.example/",
            "\t//evil.example/",
            "/\r\n//evil.example/",
            "/private\r\nset-cookie: session=x",
            "javascript:alert(1)",
            "evil.example",
            "",
            " /private",
            "/private\u{e9}",
            "/private?\"",
            "/login?next=/private",
            "/callback?code=x",
            "/logout",
            &format!("/{}", "x".repeat(300)),
        ] {
            let page = Visitor::new(&site).log_in(&world, evil).await;
            assert_eq!(page.leads_to(), "/", "{evil:?}");
            assert_eq!(page.headers.get_all("set-cookie").iter().count(), 2, "{evil:?}");
        }
        for good in ["/", "/private", "/private/letters?page=2&sort=%2F%2Fevil", "/private?to=https://x/#y"] {
            let page = Visitor::new(&site).log_in(&world, good).await;
            assert_eq!(page.leads_to(), good);
        }
        // A user who is logged in already goes there at once.
        let mut alice = Visitor::new(&site);
        alice.log_in(&world, "/private").await;
        assert_eq!(alice.get("/login?next=/private/letters").await.leads_to(), "/private/letters");
        assert_eq!(alice.get("/login?next=//evil.example").await.leads_to(), "/");
        assert_eq!(alice.get("/login").await.leads_to(), "/");
        world.provider(|provider| provider.assert_clean());
    }
}

#[tokio::test]
async fn a_link_an_image_or_another_site_cannot_log_a_user_out() {
    for how in BOTH {
        let world = World::start(how, ORIGIN).await;
        let mut alice = Visitor::new(&world.site());
        alice.log_in(&world, "/private").await;
        let by_link = alice.get("/logout").await;
        assert_eq!((by_link.status.as_u16(), by_link.title()), (405, "This address does not work as a link"));
        let post = || Request::post("/logout");
        for forged in [
            post(),
            post().header("sec-fetch-site", "cross-site"),
            post().header("sec-fetch-site", "same-site"),
            post().header("sec-fetch-site", "none"),
            post().header("origin", "https://evil.example"),
            post().header("origin", "null"),
            post().header("origin", "http://app.example"),
            post().header("sec-fetch-site", "cross-site").header("origin", ORIGIN),
        ] {
            let page = alice.send(forged).await;
            assert_eq!((page.status.as_u16(), page.title()), (403, "You were not logged out"));
            assert_eq!(page.technical(), "logout_from_elsewhere");
        }
        assert_eq!(alice.get("/private").await.title(), "Your page");
        let browser_of_old = post().header("origin", ORIGIN);
        assert_eq!(alice.send(browser_of_old).await.leads_to(), "/");
        assert_eq!(alice.get("/private").await.leads_to(), "/login?next=%2Fprivate");
        alice.log_in(&world, "/private").await;
        assert_eq!(alice.press("/logout").await.leads_to(), "/");
        assert!(alice.cookies.keys().all(|name| !name.contains("session")), "{:?}", alice.cookies.keys());
    }
}

#[tokio::test]
async fn a_cookie_that_was_changed_moved_or_sealed_by_a_dropped_key_does_not_count() {
    for how in BOTH {
        let world = World::start(how, ORIGIN).await;
        let site = world.site();
        let mut alice = Visitor::new(&site);
        alice.log_in(&world, "/private").await;
        let session = alice.cookies["__Host-session"].clone();
        let changed = |at: usize| {
            let mut bytes = session.clone().into_bytes();
            bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
            String::from_utf8(bytes).expect("base64url")
        };
        let changes = (0..session.len()).step_by(7).map(changed);
        for value in changes.chain([String::new(), "x".to_owned(), session[1..].to_owned()]) {
            let mut mallory = Visitor::new(&site);
            mallory.cookies.insert("__Host-session".into(), value);
            assert_eq!(mallory.get("/private").await.leads_to(), "/login?next=%2Fprivate");
        }
        // A sealed state counts only in its own cookie, under its own name and host.
        let open = |name: &str| {
            let keys = SealingKeys::new(1, &KEY);
            keys.open::<AppState<serde_json::Value>>(&session, &format!("{name} at {ORIGIN}"))
        };
        assert!(open("session").is_ok_and(|AppState(session)| session["sub"] == "alice"));
        assert_eq!(open("login-0123456789abcdef"), Err(SealError::Wrong));
        for name in ["session", "__Host-login-", "__Host-login-0123456789abcdef"] {
            let mut mallory = Visitor::new(&site);
            mallory.cookies.insert(name.into(), session.clone());
            assert_eq!(mallory.get("/private").await.status, 303, "{name}");
            assert!(mallory.begin("/private").await.starts_with(&world.issuer), "{name}");
        }
        let elsewhere = World::start(how, "https://other.example").await;
        let mut moved = Visitor::new(&elsewhere.site());
        moved.cookies.clone_from(&alice.cookies);
        assert_eq!(moved.get("/private").await.status, 303);

        // A new key opens the states of the old one. Without the old key, users log in again.
        let rotated = world.site_with(SealingKeys::new(2, &[9; 32]).previous(1, &KEY));
        let dropped = world.site_with(SealingKeys::new(2, &[9; 32]));
        let mut same = Visitor::new(&rotated);
        same.cookies.clone_from(&alice.cookies);
        assert_eq!(same.get("/private").await.title(), "Your page");
        let mut later = Visitor::new(&dropped);
        later.cookies.clone_from(&alice.cookies);
        assert_eq!(later.get("/private").await.leads_to(), "/login?next=%2Fprivate");
        assert_eq!(later.log_in(&world, "/private").await.leads_to(), "/private");
        // A login in another tab that began before the key was dropped cannot complete, and its page says
        // so.
        let mut between = Visitor::new(&site);
        let asked = between.begin("/private").await;
        let callback = choose(&world, &asked, "alice").await;
        let mut between = between.at(&dropped);
        let page = between.get(&callback).await;
        assert_eq!((page.status.as_u16(), page.title()), (400, "This login is not known here"));
        assert_eq!(page.again(), "/login?next=%2F");
    }
}

#[tokio::test]
async fn an_unrequested_callback_logs_no_user_in() {
    for how in BOTH {
        let world = World::start(how, ORIGIN).await;
        let site = world.site();
        // Mallory's own login, in a link for others (login CSRF).
        let mut mallory = Visitor::new(&site);
        let asked = mallory.begin("/private").await;
        let callback = choose(&world, &asked, "bob").await;
        let mut alice = Visitor::new(&site);
        assert_eq!(alice.get(&callback).await.title(), "This login is not known here");
        assert_eq!(alice.get("/private").await.status, 303, "she is still logged out");
        alice.log_in(&world, "/private").await;
        assert_eq!(alice.get(&callback).await.leads_to(), "/");
        assert!(alice.get("/private").await.text.contains("Alice Example"), "she is still herself");
        // None of these callbacks has reached the provider.
        assert_eq!(mallory.get(&callback).await.leads_to(), "/private");
        assert!(mallory.get("/private").await.text.contains("Bob Example"));
        world.provider(|provider| provider.assert_clean());
    }
}

#[tokio::test]
async fn texts_of_the_provider_are_shown_as_text_and_never_as_html() {
    for how in BOTH {
        let world = World::start(how, ORIGIN).await;
        let site = world.site();
        let script = "<script>alert(1)</script>\"'&";
        let mut alice = Visitor::new(&site);
        let asked = alice.begin("/private").await;
        let callback = choose(&world, &asked, "").await;
        let mut answer = url::form_urlencoded::Serializer::new(callback);
        answer.append_pair("error_description", script).append_pair("error_uri", "javascript:alert(1)");
        let page = alice.get(&answer.finish()).await;
        assert_eq!((page.status.as_u16(), page.title()), (403, "You are not logged in"));
        let escaped = "&lt;script&gt;alert(1)&lt;/script&gt;&quot;'&amp;";
        let line = format!("callback_denied: `access_denied` ({escaped}); see javascript:alert(1)");
        assert_eq!(page.technical(), line);
        assert!(!page.text.contains("href=\"javascript"), "{}", page.text);
        // A name is shown as text, too.
        world.provider(|provider| {
            provider.alter_id_token(oidc_testkit::hostile::set_claim("name", "<img src=x onerror=alert(1)>"));
        });
        alice.log_in(&world, "/private").await;
        for path in ["/", "/private", "/private/letters"] {
            let page = alice.get(path).await;
            assert!(page.text.contains("&lt;img src=x onerror=alert(1)&gt;"), "{}", page.text);
            assert!(!page.text.contains("<img"), "{}", page.text);
        }
    }
}

#[tokio::test]
async fn every_page_keeps_its_cookies_and_its_content_private() {
    for how in BOTH {
        let world = World::start(how, ORIGIN).await;
        let mut alice = Visitor::new(&world.site());
        let asked = alice.begin("/private").await;
        let callback = choose(&world, &asked, "alice").await;
        let begun = alice.cookies.clone();
        let mut pages = vec![alice.get(&callback).await];
        let set = pages[0].headers.get_all("set-cookie").iter().map(|value| value.to_str().expect("text"));
        let set: Vec<_> = set.collect();
        assert_eq!(set.len(), 2, "{set:?}");
        for cookie in set {
            assert!(cookie.starts_with("__Host-"), "{cookie}");
            for attribute in ["; Secure", "; HttpOnly", "; SameSite=Lax", "; Path=/"] {
                assert!(cookie.contains(attribute), "{attribute} is not in {cookie}");
            }
            assert!(!cookie.contains("; Domain"), "{cookie}");
        }
        for path in
            ["/", "/private", "/private/letters", "/nothing", "/logout", "/login", "/callback?state=x"]
        {
            pages.push(alice.get(path).await);
        }
        alice.cookies = begun;
        pages.push(alice.get("/callback?code=1&code=2").await);
        assert_eq!(pages.last().expect("a page").title(), "This link does not answer a login");
        for page in &pages {
            assert_eq!(page.header("cache-control"), "no-store");
            assert_eq!(page.header("x-content-type-options"), "nosniff");
            let policy = page.header("content-security-policy");
            for part in ["default-src 'none'", "frame-ancestors 'none'", "form-action 'self'"] {
                assert!(policy.contains(part), "{policy}");
            }
            for secret in world.secrets() {
                assert!(!page.text.contains(&secret), "{secret} in {}", page.text);
            }
        }
        let referrers: Vec<_> = pages.iter().map(|page| page.header("referrer-policy")).collect();
        assert_eq!((referrers[0], referrers[7], referrers[8]), ("no-referrer", "no-referrer", "no-referrer"));
        assert!(referrers[1..7].iter().all(|policy| *policy == "same-origin"), "{referrers:?}");
        let style = alice.get("/style.css").await;
        assert_eq!(
            (style.header("content-type"), style.header("cache-control")),
            ("text/css", "public, max-age=3600")
        );
    }
}

#[tokio::test]
async fn a_browser_keeps_no_more_than_ten_logins_and_they_fit_into_one_header() {
    for how in BOTH {
        let world = World::start(how, ORIGIN).await;
        let mut alice = Visitor::new(&world.site());
        let next = format!("/private?{}", "x".repeat(191));
        let mut asked = Vec::new();
        for n in 0..25 {
            world.watch.advance(1);
            asked.push(alice.begin(&format!("{}{n:02}", &next[..next.len() - 2])).await);
            for (name, value) in &alice.cookies {
                assert!(name.len() + value.len() <= 4096, "{name}: {}", value.len());
            }
        }
        assert_eq!(alice.cookies.keys().filter(|name| name.starts_with("__Host-login-")).count(), 10);
        let header: usize = alice.cookies.iter().map(|(name, value)| name.len() + value.len() + 3).sum();
        assert!(header < 8192, "{header} bytes");
        // The oldest tabs get a page with a way on. The others go where they wanted to go.
        for (n, asked) in asked.iter().enumerate() {
            alice.cookies.remove("__Host-session");
            let page = alice.get(&choose(&world, asked, "alice").await).await;
            if n < 15 {
                assert_eq!(page.title(), "This login is not known here");
                assert_eq!(page.again(), "/login?next=%2F");
            } else {
                assert!(page.leads_to().ends_with(&n.to_string()), "{}", page.leads_to());
            }
        }
        // Logins that have ended give way before one that has not.
        alice.cookies.remove("__Host-session");
        let asked = alice.begin("/private/letters").await;
        for _ in 0..12 {
            alice.cookies.remove("__Host-session");
            alice.log_in(&world, "/private").await;
        }
        assert_eq!(alice.get(&choose(&world, &asked, "alice").await).await.leads_to(), "/private/letters");
        assert!(
            world.provider(|provider| provider.count(EndpointName::Token)) == 10 + 12 + 1,
            "the login did end"
        );
    }
}

#[tokio::test]
async fn a_login_counts_only_in_its_own_cookie() {
    for how in BOTH {
        let world = World::start(how, ORIGIN).await;
        let site = world.site();
        let mut alice = Visitor::new(&site);
        let asked = alice.begin("/private").await;
        let callback = choose(&world, &asked, "alice").await;
        let letters = alice.begin("/private/letters").await;
        // The name of a login is not enough to answer it.
        let (_, state) = asked.split_once("&state=").expect("a state");
        let page = alice.get(&format!("/callback?code=x&state={}", &state[..16])).await;
        assert_eq!(page.title(), "This login is not known here");
        // Moved into the cookie of another login: the whole state, or its destination.
        let name = |state: &str| format!("__Host-login-{}", &state[..16]);
        let of = |asked: &str| {
            let (_, state) = asked.split_once("&state=").expect("a state");
            (name(state), alice.cookies[&name(state)].clone())
        };
        let ((first, mine), (_, other)) = (of(&asked), of(&letters));
        let halves = |value: &str| {
            let (login, next) = value.split_once('.').expect("two halves");
            (login.to_owned(), next.to_owned())
        };
        let ((login, _), (_, next)) = (halves(&mine), halves(&other));
        let mut moved = Visitor::new(&site);
        moved.cookies.insert(first.clone(), other);
        assert_eq!(moved.get(&callback).await.title(), "This login is not known here");
        moved.cookies.insert(first, format!("{login}.{next}"));
        assert_eq!(moved.get(&callback).await.leads_to(), "/", "not to the destination of the other login");
        world.provider(|provider| provider.assert_clean());
    }
}
