//! Tokens from elsewhere: by an exchange, from a function, or one that nobody renews.

use super::*;
use oidc_drive::{ProviderError, api::ApiToken};
use oidc_proto::{
    Secret,
    flow::{NotSentAgain, TokenExchangeRequest, TokenTypeIdentifier},
};
use oidc_testkit::{EndpointName::Token, Registration, TOKEN_EXCHANGE_GRANT};
use std::{
    sync::atomic::{AtomicUsize, Ordering::SeqCst},
    time::Duration,
};

fn exchanging() -> (World, TokenExchangeRequest) {
    let world = World::new();
    world.change(|provider| {
        let grants = ["client_credentials", TOKEN_EXCHANGE_GRANT];
        provider
            .register(Registration::basic("app", "its secret").grant_types(grants).redirect_uri(CALLBACK));
    });
    let wanted = TokenExchangeRequest::new(world.token(), TokenTypeIdentifier::ACCESS_TOKEN);
    (world, wanted)
}

#[test]
fn a_token_is_exchanged_once_and_again_when_it_is_refused() {
    let stories = [true, false].map(|is_async| {
        let (world, wanted) = exchanging();
        let caller = if is_async {
            Caller::Async(async_api(&world).exchange(wanted).unwrap(), world.clone())
        } else {
            Caller::Threads(threads_api(&world).exchange(wanted).unwrap())
        };
        (world, caller)
    });
    for (world, caller) in stories {
        let (shop, before) = (Shop::default(), world.count(Token));
        caller.fine(&shop);
        caller.fine(&shop);
        assert_eq!(world.count(Token), before + 1);
        shop.revoke_seen();
        caller.fine(&shop);
        assert_eq!(world.count(Token), before + 2);
        world.change(|provider| provider.assert_clean());
    }
}

#[test]
fn a_function_is_asked_for_a_token_and_told_which_one_was_refused() {
    let asked: Arc<Mutex<Vec<Option<String>>>> = Arc::default();
    let count = Arc::new(AtomicUsize::new(0));
    let fetch = || {
        let (asked, count) = (Arc::clone(&asked), Arc::clone(&count));
        move |refused: Option<Secret>| {
            lock(&asked).push(refused.map(|token| token.expose().to_owned()));
            let number = count.fetch_add(1, SeqCst);
            Ok(ApiToken::bearer(Secret::new(format!("own-{number}"))).expires_in(Duration::from_secs(600)))
        }
    };
    for is_async in [true, false] {
        count.store(0, SeqCst);
        lock(&asked).clear();
        let (world, shop, fetch) = (World::new(), Shop::default(), fetch());
        let caller = if is_async {
            let api = async_api(&world).tokens(move |refused| std::future::ready(fetch(refused))).unwrap();
            Caller::Async(api, world.clone())
        } else {
            Caller::Threads(threads_api(&world).tokens(fetch).unwrap())
        };
        caller.fine(&shop);
        caller.fine(&shop);
        shop.revoke_seen();
        caller.fine(&shop);
        world.clock.advance(700);
        caller.fine(&shop);
        let tokens = ["own-0", "own-0", "own-0", "own-1", "own-2"].map(|token| format!("Bearer {token}"));
        assert_eq!(shop.tokens(), tokens);
        assert_eq!(*lock(&asked), [None, Some("own-0".to_owned()), None]);
        assert_eq!(world.sent(), 0, "the provider is not asked for anything");
    }
}

#[test]
fn a_function_that_fails_gives_its_reason_to_the_caller() {
    let world = World::new();
    let shop = Shop::default();
    let no = || ProviderError::NoResponse("the vault is closed".to_owned());
    let api = threads_api(&world).tokens(move |_| Err(no())).unwrap();
    let error = Caller::Threads(api).send(orders(), &shop).unwrap_err();
    assert_eq!(error, ApiError::Token(no()));
    assert!(error.to_string().contains("the vault is closed"), "{error}");
    assert_eq!(shop.seen(), []);
}

#[test]
fn a_fixed_token_is_sent_and_its_refusal_is_given_back() {
    let world = World::new();
    let token = || ApiToken::bearer(Secret::new("fixed"));
    for caller in [
        Caller::Async(async_api(&world).fixed(token()).unwrap(), world.clone()),
        Caller::Threads(threads_api(&world).fixed(token()).unwrap()),
    ] {
        let shop = Shop::default();
        caller.fine(&shop);
        shop.revoke_seen();
        for _ in 0..3 {
            let answer = caller.send(orders(), &shop).unwrap();
            assert_eq!(answer.response.body(), "no such token");
            assert_eq!(answer.outcome.challenge().unwrap().not_sent_again, Some(NotSentAgain::NoNewerToken));
            assert_eq!(answer.renewal, None);
        }
        assert_eq!(shop.tokens(), ["Bearer fixed"; 4]);
        // A stream, too: the next one tries again, because nobody knows better.
        assert_eq!(caller.once(orders(), &shop).unwrap().response.status(), 401);
        assert_eq!(caller.once(orders(), &shop).unwrap().response.status(), 401);
    }
    assert_eq!(world.sent(), 0);
}

#[test]
fn a_function_that_returns_the_refused_token_again_ends_the_request() {
    let world = World::new();
    let shop = Shop::default();
    let api = threads_api(&world).tokens(|_| Ok(ApiToken::bearer(Secret::new("the-same")))).unwrap();
    shop.change(|shop| shop.refuses_all = true);
    let answer = Caller::Threads(api).send(orders(), &shop).unwrap();
    assert_eq!(answer.outcome.challenge().unwrap().not_sent_again, Some(NotSentAgain::NoNewerToken));
    assert_eq!(shop.tokens(), ["Bearer the-same"]);
}
