//! Ordinary users: they open tabs, reload, go back, refuse, and come late.

use crate::{
    chromium::Person,
    site::SESSION_LIFETIME,
    world::{BOTH, World},
};
use oidc_proto::flow::PENDING_LIFETIME;
use oidc_testkit::{EndpointName, hostile};

/// Runs this story with each form of the application, in a new browser.
async fn with_each(story: impl AsyncFn(&mut World, &Person)) {
    for how in BOTH {
        let Some(person) = Person::new().await else { return };
        let mut world = World::on_loopback(how).await;
        story(&mut world, &person).await;
        person.leaves().await;
        world.stop().await;
    }
}

impl World {
    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.origin)
    }
}

/// A page of the application as it must be: it has a way on, and shows no secret.
async fn sees(world: &World, person: &Person, heading: &str, status: i64) -> String {
    let text = person.sees(heading).await;
    assert_eq!(person.status().await, status, "{text}");
    let source = person.source().await;
    for secret in world.secrets() {
        assert!(!source.contains(&secret), "{secret} is on the page: {source}");
    }
    assert!(source.contains("href=\"/") || source.contains("<button"), "a dead end: {source}");
    assert_eq!(person.cookies_for_scripts().await, "");
    text
}

async fn logs_in(world: &World, person: &Person, path: &str, heading: &str) {
    person.opens(&world.url(path)).await;
    person.sees("Who are you?").await;
    person.clicks("I am Alice Example").await;
    sees(world, person, heading, 200).await;
    assert_eq!(person.address().await, path);
}

fn count(world: &World, endpoint: EndpointName) -> usize {
    world.provider(|provider| provider.count(endpoint))
}

#[tokio::test]
async fn two_tabs_log_in_at_once_and_each_returns_to_its_page() {
    with_each(async |world, person| {
        person.opens(&world.url("/")).await;
        assert!(sees(world, person, "Home", 200).await.contains("You are not logged in."));
        person.clicks("Log in").await;
        assert!(person.sees("Who are you?").await.contains("demo wants to know"));
        let first = person.tab().await;
        let second = person.opens_in_a_new_tab(&world.url("/private/letters?page=2")).await;
        person.sees("Who are you?").await;
        person.turns_to(&first).await;
        person.clicks("I am Alice Example").await;
        let text = sees(world, person, "Your page", 200).await;
        assert!(text.contains("Nobody but Alice Example sees this page."), "{text}");
        assert_eq!(person.address().await, "/private");
        person.turns_to(&second).await;
        person.clicks("I am Alice Example").await;
        sees(world, person, "Your letters", 200).await;
        assert_eq!(person.address().await, "/private/letters?page=2");
        // The logins begin in this order and complete in the other.
        person.clicks("Log out").await;
        person.sees("Home").await;
        person.turns_to(&first).await;
        person.opens(&world.url("/private")).await;
        person.sees("Who are you?").await;
        person.turns_to(&second).await;
        person.opens(&world.url("/private/letters")).await;
        person.sees("Who are you?").await;
        person.clicks("I am Bob Example").await;
        assert!(sees(world, person, "Your letters", 200).await.contains("Bob Example"));
        person.turns_to(&first).await;
        person.clicks("I am Bob Example").await;
        sees(world, person, "Your page", 200).await;
        assert_eq!(count(world, EndpointName::Token), 4);
        let documents = [EndpointName::Discovery, EndpointName::Jwks].map(|document| count(world, document));
        assert_eq!(documents, [1, 1], "the provider's metadata is kept");
        world.provider(|provider| provider.assert_clean());
    })
    .await;
}

#[tokio::test]
async fn reloading_and_going_back_do_no_harm() {
    with_each(async |world, person| {
        logs_in(world, person, "/private/letters", "Your letters").await;
        person.reloads().await;
        sees(world, person, "Your letters", 200).await;
        // The callback itself, from the history or a bookmark.
        let callback = world.provider(|provider| {
            let seen =
                |endpoint| provider.requests().iter().rfind(|seen| seen.endpoint == endpoint).expect("one");
            let code = seen(EndpointName::Token).parameter("code").expect("a code");
            let state = seen(EndpointName::Authorize).parameter("state").expect("a state");
            format!("/callback?code={code}&state={state}")
        });
        person.opens(&world.url(&callback)).await;
        sees(world, person, "Your letters", 200).await;
        assert_eq!(person.address().await, "/private/letters");
        assert_eq!(count(world, EndpointName::Token), 1, "the code was sent once");
        world.provider(|provider| provider.assert_clean());
        // Back to the page of the login service, and through it again.
        person.clicks("Log out").await;
        sees(world, person, "Home", 200).await;
        logs_in(world, person, "/private", "Your page").await;
        person.goes_back().await;
        person.sees("Who are you?").await;
        person.clicks("I am Alice Example").await;
        sees(world, person, "Your page", 200).await;
        assert_eq!(count(world, EndpointName::Token), 2, "she was logged in already");
    })
    .await;
}

#[tokio::test]
async fn a_user_who_was_away_too_long_can_log_in_again() {
    with_each(async |world, person| {
        logs_in(world, person, "/private/letters?page=7", "Your letters").await;
        world.watch.advance(SESSION_LIFETIME);
        person.reloads().await;
        person.sees("Who are you?").await;
        // The user is away again, at the login service.
        world.watch.advance(PENDING_LIFETIME.as_secs().cast_signed() + 1);
        person.clicks("I am Alice Example").await;
        let text = sees(world, person, "This login took too long", 400).await;
        assert!(text.contains("You were away for more than an hour") && text.contains("callback_expired"));
        person.clicks("Try again").await;
        person.sees("Who are you?").await;
        person.clicks("I am Alice Example").await;
        sees(world, person, "Your letters", 200).await;
        assert_eq!(person.address().await, "/private/letters?page=7");
        world.provider(|provider| provider.assert_clean());
    })
    .await;
}

#[tokio::test]
async fn logging_out_in_one_tab_logs_out_in_all() {
    with_each(async |world, person| {
        logs_in(world, person, "/private", "Your page").await;
        let first = person.tab().await;
        let second = person.opens_in_a_new_tab(&world.url("/private/letters")).await;
        sees(world, person, "Your letters", 200).await;
        person.turns_to(&first).await;
        person.clicks("Log out").await;
        assert!(sees(world, person, "Home", 200).await.contains("You are not logged in."));
        // Going back does not show the old page either.
        person.goes_back().await;
        person.sees("Who are you?").await;
        person.turns_to(&second).await;
        person.reloads().await;
        person.sees("Who are you?").await;
        person.clicks("I am Bob Example").await;
        assert!(sees(world, person, "Your letters", 200).await.contains("Bob Example"));
    })
    .await;
}

#[tokio::test]
async fn a_user_who_refuses_gets_a_page_and_may_change_their_mind() {
    with_each(async |world, person| {
        person.opens(&world.url("/private/letters")).await;
        person.sees("Who are you?").await;
        person.clicks("I do not say").await;
        let text = sees(world, person, "You are not logged in", 403).await;
        assert!(text.contains("declined on the page of the login service"), "{text}");
        assert!(text.contains("callback_denied: `access_denied`"), "{text}");
        // After a reload it is still a page.
        person.reloads().await;
        sees(world, person, "This login is not known here", 400).await;
        person.clicks("Try again").await;
        person.sees("Who are you?").await;
        person.clicks("I am Alice Example").await;
        sees(world, person, "Your letters", 200).await;
        assert_eq!(person.address().await, "/private/letters");
        world.provider(|provider| provider.assert_clean());
    })
    .await;
}

#[tokio::test]
async fn a_user_can_wait_for_a_provider_that_is_down() {
    with_each(async |world, person| {
        let private = world.url("/private");
        world.without_provider(person.opens(&private)).await;
        let text = sees(world, person, "The login service does not answer", 503).await;
        assert!(text.contains("not your fault") && text.contains("no_response"), "{text}");
        person.clicks("Try again").await;
        person.sees("Who are you?").await;
        // The provider is down again, while the user is there.
        let busy = hostile::times(1, hostile::retry_after(5));
        world.provider(|provider| provider.alter_response(EndpointName::Token, busy));
        person.clicks("I am Alice Example").await;
        sees(world, person, "The login service does not answer", 503).await;
        person.clicks("Try again").await;
        person.sees("Who are you?").await;
        person.clicks("I am Alice Example").await;
        sees(world, person, "Your page", 200).await;
        assert_eq!(person.address().await, "/private");
    })
    .await;
}

#[tokio::test]
async fn a_user_who_deletes_cookies_on_the_way_logs_in_again() {
    with_each(async |world, person| {
        person.opens(&world.url("/private")).await;
        person.sees("Who are you?").await;
        let first = person.tab().await;
        person.opens_in_a_new_tab(&world.url("/")).await;
        person.deletes_cookies().await;
        person.turns_to(&first).await;
        person.clicks("I am Alice Example").await;
        let text = sees(world, person, "This login is not known here", 400).await;
        assert!(text.contains("cookies were deleted") && text.contains("login_unknown"), "{text}");
        assert_eq!(count(world, EndpointName::Token), 0, "the code was not sent");
        person.clicks("Try again").await;
        person.sees("Who are you?").await;
        person.clicks("I am Alice Example").await;
        assert!(sees(world, person, "Home", 200).await.contains("Hello, Alice Example."));
        person.clicks("Your page").await;
        sees(world, person, "Your page", 200).await;
    })
    .await;
}
