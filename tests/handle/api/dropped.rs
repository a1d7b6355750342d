//! Futures that are dropped: no token is lost, and no request is sent twice.

use super::*;
use oidc_drive::api::SessionTokens;
use oidc_testkit::EndpointName::Token;
use std::pin::pin;

/// However many steps the future has made when it is dropped, the session goes on with the stored tokens.
#[test]
fn a_session_survives_a_caller_that_goes_away_during_its_refresh() {
    for steps in 0..8 {
        let world = World::new();
        let handle = world.asynchronous().build().unwrap();
        let (url, pending) = world.finish(handle.authorize(&request())).unwrap();
        let user = world.finish(handle.callback(pending, world.visit(&url))).unwrap();
        let tokens = SessionTokens::of(&user.tokens).unwrap();
        let store: Arc<Mutex<Vec<SessionTokens>>> = Arc::default();
        let kept = Arc::clone(&store);
        let put = move |tokens| {
            let kept = Arc::clone(&kept);
            async move { lock(&kept).push(tokens) }
        };
        let api = handle.api(ORIGIN).session(tokens, None, put).unwrap();
        let (shop, logged_in) = (Shop::default(), world.count(Token));
        world.clock.advance(86_400);
        {
            let mut caller = pin!(api.send(orders(), |request| std::future::ready(shop.get(request))));
            assert!(poll(caller.as_mut()).is_pending());
            for _ in 0..steps {
                world.step();
                let _maybe = poll(caller.as_mut());
            }
        }
        world.settle();
        assert_eq!(lock(&store).len(), 1, "{steps} steps: stored, though nobody waits any more");
        Caller::Async(api, world.clone()).fine(&shop);
        assert_eq!(world.count(Token), logged_in + 1, "{steps} steps: the refresh went on");
        assert_eq!(lock(&store).len(), 1, "{steps} steps: and its tokens were stored");
        world.change(|provider| provider.assert_clean());
    }
}

/// Any task can hold a client and its futures.
#[test]
fn a_client_and_its_futures_can_be_moved_between_threads() {
    fn movable<T: Send + 'static>(_: &T) {}
    fn shared<T: Send + Sync + Clone + 'static>(_: &T) {}
    let world = World::new();
    let api = async_api(&world).client_credentials(read()).unwrap();
    shared(&api);
    let shop = Shop::default();
    let moved = async move {
        let answer = api.send(orders(), |request| std::future::ready(shop.get(request))).await;
        let once = api.send_once(orders(), |request| std::future::ready(shop.get(request))).await;
        let fetched = api.fetch(http::Request::new(Vec::new())).await;
        (answer.is_ok(), once.is_ok(), fetched.is_ok())
    };
    movable(&moved);
    shared(&threads_api(&world).client_credentials(read()).unwrap());
}
