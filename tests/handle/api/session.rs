//! A user's session: its access token is refreshed once for all callers, and its new tokens are stored first.

use super::*;
use oidc_drive::api::SessionTokens;
use oidc_proto::{Secret, flow::PreviousLogin};
use oidc_testkit::{EndpointName::Token, hostile};

/// The tokens that were stored, in order.
type Store = Arc<Mutex<Vec<SessionTokens>>>;

fn login(world: &World) -> (SessionTokens, PreviousLogin) {
    let handle = world.asynchronous().build().unwrap();
    let (url, pending) = world.finish(handle.authorize(&request())).unwrap();
    let user = world.finish(handle.callback(pending, world.visit(&url))).unwrap();
    (SessionTokens::of(&user.tokens).unwrap(), PreviousLogin::from(&user.id_token))
}

fn each_session(story: impl Fn(&World, &Shop, &Caller, &SessionTokens, &Store)) {
    let (world, store) = (World::new(), Store::default());
    let (tokens, previous) = login(&world);
    let kept = Arc::clone(&store);
    let put = move |tokens: SessionTokens| {
        let kept = Arc::clone(&kept);
        async move { lock(&kept).push(tokens) }
    };
    let api = async_api(&world).session(tokens.clone(), Some(previous), put).unwrap();
    story(&world, &Shop::default(), &Caller::Async(api, world.clone()), &tokens, &store);

    let (world, store) = (World::new(), Store::default());
    let (tokens, previous) = login(&world);
    let kept = Arc::clone(&store);
    let put = move |tokens| lock(&kept).push(tokens);
    let api = threads_api(&world).session(tokens.clone(), Some(previous), put).unwrap();
    story(&world, &Shop::default(), &Caller::Threads(api), &tokens, &store);
}

fn bearer(token: &Secret) -> String {
    format!("Bearer {}", token.expose())
}

#[test]
fn the_tokens_of_a_login_are_sent_until_they_expire_and_then_refreshed_and_stored() {
    each_session(|world, shop, caller, tokens, store| {
        let logged_in = world.count(Token);
        caller.fine(shop);
        caller.fine(shop);
        assert_eq!(shop.tokens(), [bearer(&tokens.access_token), bearer(&tokens.access_token)]);
        assert!(lock(store).is_empty() && world.count(Token) == logged_in);
        for days in 1..4 {
            world.clock.advance(86_400);
            caller.fine(shop);
            let stored = lock(store).last().unwrap().clone();
            assert_eq!((lock(store).len(), world.count(Token)), (days, logged_in + days));
            assert_eq!(shop.tokens(), [bearer(&stored.access_token)]);
            assert!(stored.expires_at.unwrap() > world.clock.now());
        }
        let refresh: BTreeSet<_> =
            lock(store).iter().map(|one| one.refresh_token.expose().to_owned()).collect();
        assert_eq!(refresh.len(), 3, "each refresh token was replaced");
        world.change(|provider| provider.assert_clean());
    });
}

#[test]
fn a_session_that_comes_back_from_its_store_goes_on() {
    let world = World::new();
    let (tokens, _) = login(&world);
    let (store, shop) = (Store::default(), Shop::default());
    world.clock.advance(86_400);
    let logged_in = world.count(Token);
    let kept = Arc::clone(&store);
    let put = move |tokens| lock(&kept).push(tokens);
    let api = threads_api(&world).session(tokens.clone(), None, put).unwrap();
    Caller::Threads(api).fine(&shop);
    let stored = lock(&store).clone();
    assert_eq!((stored.len(), world.count(Token)), (1, logged_in + 1), "the stored token had expired");
    assert_eq!(shop.tokens(), [bearer(&stored[0].access_token)], "and was not sent");
}

#[test]
fn a_refused_token_is_refreshed_once_and_stored_before_it_is_sent() {
    each_session(|world, shop, caller, tokens, store| {
        let logged_in = world.count(Token);
        caller.fine(shop);
        shop.revoke_seen();
        shop.seen();
        caller.fine(shop);
        let stored = lock(store).clone();
        assert_eq!((stored.len(), world.count(Token)), (1, logged_in + 1));
        assert_eq!(shop.tokens(), [bearer(&tokens.access_token), bearer(&stored[0].access_token)]);
        world.change(|provider| provider.assert_clean());
    });
}

#[test]
fn an_api_that_refuses_every_token_of_a_user_causes_few_refreshes_and_loses_none() {
    each_session(|world, shop, caller, _, store| {
        let logged_in = world.count(Token);
        shop.change(|shop| shop.refuses_all = true);
        for _ in 0..600 {
            let answer = caller.send(orders(), shop).unwrap();
            assert_eq!(answer.response.status(), 401);
            world.clock.advance(1);
        }
        let refreshed = world.count(Token) - logged_in;
        assert!((1..70).contains(&refreshed), "{refreshed}");
        assert_eq!(lock(store).len(), refreshed, "each new refresh token was stored");
        world.change(|provider| provider.assert_clean());
    });
}

#[test]
fn a_new_refresh_token_is_stored_even_if_the_rest_of_its_response_is_not_believed() {
    each_session(|world, shop, caller, tokens, store| {
        world.clock.advance(86_400);
        let twice = hostile::times(1, hostile::set_member("id_token", "not an ID token"));
        world.change(|provider| provider.alter_response(Token, twice));
        let error = caller.send(orders(), shop).unwrap_err();
        let ApiError::Token(failed) = &error else { panic!("{error}") };
        let stored = lock(store).clone();
        assert_eq!(stored.len(), 1, "{error}");
        assert_eq!(failed.new_refresh_token(), Some(&stored[0].refresh_token));
        assert_ne!(stored[0].refresh_token, tokens.refresh_token);
        assert_eq!(shop.seen(), []);
        // The next refresh goes with it.
        world.clock.advance(60);
        caller.fine(shop);
        assert_eq!(lock(store).len(), 2);
        world.change(|provider| provider.assert_clean());
    });
}

#[test]
fn a_session_that_is_over_says_so_and_is_not_asked_about_all_the_time() {
    each_session(|world, shop, caller, tokens, store| {
        let handle = world.blocking().build().unwrap();
        handle.revoke(&tokens.refresh_token, None).unwrap();
        let revoked = world.count(Token);
        shop.change(|shop| shop.refuses_all = true);
        for _ in 0..60 {
            let answer = caller.send(orders(), shop).unwrap();
            assert_eq!(answer.response.body(), "no such token");
            let why = answer.renewal.unwrap();
            assert!(matches!(why.code(), "invalid_grant" | "unavailable"), "{why}");
            world.clock.advance(1);
        }
        assert!(world.count(Token) - revoked < 12, "{}", world.count(Token) - revoked);
        assert!(lock(store).is_empty());
    });
}
