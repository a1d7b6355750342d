//! A service with tokens of its own: they are kept, renewed before they expire, and renewed once after a refusal.

use super::*;
use oidc_proto::flow::{NotSentAgain, ResourceOutcome, ResourceRequestError};
use oidc_testkit::EndpointName::{Discovery, Token};

#[test]
fn a_token_is_fetched_once_and_sent_with_each_request() {
    each_service(|world, shop, caller| {
        for _ in 0..5 {
            caller.fine(shop);
        }
        let seen = shop.seen();
        assert!(seen.iter().all(|one| *one == seen[0]), "{seen:?}");
        assert!(seen[0].token.starts_with("Bearer ey") && seen[0].proof.is_none());
        assert_eq!((seen[0].url.as_str(), seen[0].body.as_str()), (ORDERS, "the order"));
        assert_eq!(world.count(Token), 1);
        world.change(|provider| provider.assert_clean());
    });
}

#[test]
fn an_expired_token_is_not_sent() {
    each_service(|world, shop, caller| {
        for days in 1..4 {
            caller.fine(shop);
            world.clock.advance(86_400);
            assert_eq!(world.count(Token), days);
        }
        let tokens: BTreeSet<String> = shop.tokens().into_iter().collect();
        assert_eq!(tokens.len(), 3);
    });
}

#[test]
fn a_refused_token_is_renewed_once_and_the_request_is_sent_once_more() {
    each_service(|world, shop, caller| {
        caller.fine(shop);
        shop.revoke_seen();
        shop.seen();
        caller.fine(shop);
        let seen = shop.seen();
        assert_eq!(seen.len(), 2, "{seen:?}");
        assert_ne!(seen[0].token, seen[1].token);
        assert_eq!((&seen[0].body, &seen[0].url), (&seen[1].body, &seen[1].url));
        assert_eq!(world.count(Token), 2);
        caller.fine(shop);
        assert_eq!((shop.tokens(), world.count(Token)), (vec![seen[1].token.clone()], 2));
        world.change(|provider| provider.assert_clean());
    });
}

#[test]
fn an_api_that_refuses_every_token_causes_few_renewals() {
    each_service(|world, shop, caller| {
        shop.change(|shop| shop.refuses_all = true);
        let (mut requests, minutes) = (0, 4);
        for _ in 0..minutes * 60 {
            for _ in 0..2 {
                let answer = caller.send(orders(), shop).unwrap();
                assert_eq!(answer.response.body(), "no such token", "the response is given back");
                let ResourceOutcome::InvalidToken(refused) = &answer.outcome else { panic!("{answer:?}") };
                let why = refused.not_sent_again.unwrap();
                assert!(matches!(why, NotSentAgain::Repeated | NotSentAgain::NoNewerToken), "{why:?}");
                assert_eq!(answer.renewal.is_some(), why == NotSentAgain::NoNewerToken);
                requests += 1;
            }
            world.clock.advance(1);
        }
        let (sent, renewed) = (shop.seen().len(), world.count(Token));
        assert!(sent <= 2 * requests && renewed < 5 + minutes * 60 / 10, "{sent} {renewed}");
        // When the API comes to its senses, so does the client.
        shop.change(|shop| shop.refuses_all = false);
        caller.fine(shop);
    });
}

#[test]
fn a_stream_is_sent_once_and_the_next_request_begins_with_a_newer_token() {
    each_service(|world, shop, caller| {
        caller.fine(shop);
        shop.revoke_seen();
        let first = shop.seen().remove(0);
        let answer = caller.once(orders(), shop).unwrap();
        assert_eq!(answer.response.body(), "no such token");
        assert_eq!(answer.outcome.challenge().unwrap().not_sent_again, Some(NotSentAgain::Body));
        assert_eq!(
            (shop.seen(), world.count(Token)),
            (vec![first.clone()], 1),
            "sent once, and nothing renewed"
        );

        let answer = caller.once(orders(), shop).unwrap();
        assert_eq!(answer.outcome, ResourceOutcome::Answered);
        let [next] = <[Seen; 1]>::try_from(shop.seen()).unwrap();
        assert_ne!(next.token, first.token);
        assert_eq!(world.count(Token), 2);
    });
}

#[test]
fn during_an_outage_of_the_provider_a_token_serves_and_a_refusal_is_given_back() {
    each_service(|world, shop, caller| {
        caller.fine(shop);
        world.down(true);
        caller.fine(shop);
        shop.revoke_seen();
        let answer = caller.send(orders(), shop).unwrap();
        assert_eq!(
            (answer.response.status().as_u16(), answer.response.body().as_str()),
            (401, "no such token")
        );
        assert_eq!(answer.outcome.challenge().unwrap().not_sent_again, Some(NotSentAgain::NoNewerToken));
        assert_eq!(answer.renewal.unwrap().code(), "no_response");
        world.down(false);
        world.clock.advance(60);
        caller.fine(shop);
    });
}

#[test]
fn a_provider_that_is_down_at_the_start_is_named_and_tried_again() {
    each_service(|world, shop, caller| {
        world.down(true);
        let error = caller.send(orders(), shop).unwrap_err();
        assert_eq!(error.code(), "no_response");
        assert!(matches!(&error, ApiError::Token(_)) && error.to_string().contains("op.example"), "{error}");
        assert_eq!((shop.seen(), world.count(Discovery)), (vec![], 0));
        world.down(false);
        world.clock.advance(60);
        caller.fine(shop);
    });
}

#[test]
fn an_api_that_does_not_answer_is_not_asked_again() {
    each_service(|_, shop, caller| {
        shop.change(|shop| shop.lost = true);
        let error = caller.send(orders(), shop).unwrap_err();
        assert_eq!(error, ApiError::Transport("connection refused".to_owned()));
        assert_eq!(
            (error.code(), error.to_string().as_str()),
            ("no_response", "the API did not answer: connection refused")
        );
    });
}

#[test]
fn a_request_to_another_server_gets_no_token_and_is_not_sent() {
    each_service(|world, shop, caller| {
        for url in ["https://evil.example/", "http://api.example/", "https://api.example:8443/", "/orders"] {
            let error = caller.send(Request::get(url).body(String::new()).unwrap(), shop).unwrap_err();
            assert!(matches!(error, ApiError::Request(_)), "{url}: {error}");
        }
        let own = Request::get(ORDERS).header("authorization", "Bearer mine").body(String::new()).unwrap();
        assert_eq!(
            caller.send(own, shop).unwrap_err(),
            ApiError::Request(ResourceRequestError::Credentials("header Authorization"))
        );
        assert_eq!((shop.seen(), world.sent()), (vec![], 0), "nobody was asked for anything");
    });
}

#[test]
fn a_redirect_is_a_response_and_its_target_gets_no_token() {
    each_service(|_, shop, caller| {
        for status in [301, 302, 303, 307, 308] {
            shop.answers(status, &[("location", "https://evil.example/orders")]);
            let answer = caller.send(orders(), shop).unwrap();
            assert_eq!(
                (answer.response.status().as_u16(), &answer.outcome),
                (status, &ResourceOutcome::Answered)
            );
            let next = answer.response.headers()["location"].to_str().unwrap();
            let error = caller.send(Request::get(next).body(String::new()).unwrap(), shop).unwrap_err();
            assert_eq!(error, ApiError::Request(ResourceRequestError::OtherOrigin));
        }
        assert!(shop.seen().iter().all(|seen| seen.url == ORDERS));
    });
}

#[test]
fn a_wrong_origin_is_found_when_the_client_is_made() {
    let world = World::new();
    let provider = world.blocking().build().unwrap();
    for origin in ["http://api.example", "api.example", "https://api.example/v1", "https://10.0.0.1", ""] {
        assert!(provider.api(origin).client_credentials(read()).is_err(), "{origin}");
        assert!(provider.api(ORIGIN).and_origin(origin).client_credentials(read()).is_err(), "{origin}");
    }
    for origin in ["http://localhost:8080", "http://127.0.0.1:8080"] {
        assert!(
            provider.api(origin).client_credentials(read()).is_ok(),
            "{origin}: the program has named it"
        );
    }
    let here = provider
        .api("https://10.0.0.1")
        .url_policy(oidc_proto::UrlPolicy::default().with_private_addresses());
    assert!(here.client_credentials(read()).is_ok());
}

#[test]
fn a_second_origin_gets_the_same_token_if_it_is_named() {
    let files = || Request::get("https://files.example:8443/a").body(String::new()).unwrap();
    let world = World::new();
    let (handle, shop) = (world.blocking().build().unwrap(), Shop::default());
    let one = Caller::Threads(handle.api(ORIGIN).client_credentials(read()).unwrap());
    assert_eq!(one.send(files(), &shop).unwrap_err().code(), "config_other_origin");
    let both =
        handle.api(ORIGIN).and_origin("https://files.example:8443").client_credentials(read()).unwrap();
    let both = Caller::Threads(both);
    both.send(files(), &shop).unwrap();
    both.fine(&shop);
    assert_eq!(shop.tokens().into_iter().collect::<BTreeSet<_>>().len(), 1);
    assert_eq!(world.count(Token), 1);
}

/// Many callers get the same refusal at the same time: one of them renews, and all send their request once more.
#[test]
fn a_401_for_many_callers_at_the_same_time_renews_once() {
    for callers in [2, 7, 40] {
        let world = World::new();
        let (api, shop) = (async_api(&world).client_credentials(read()).unwrap(), Shop::default());
        Caller::Async(api.clone(), world.clone()).fine(&shop);
        shop.revoke_seen();
        shop.seen();
        let mut all: Vec<_> = (0..callers)
            .map(|_| {
                Box::pin(api.send(orders(), |request| {
                    let shop = shop.clone();
                    async move { shop.get(request) }
                }))
            })
            .collect();
        // Each has its 401 before any has a newer token.
        assert!(all.iter_mut().all(|one| poll(one.as_mut()).is_pending()));
        assert_eq!(shop.tokens().len(), callers);
        for one in all {
            let answer = world.finish(one).unwrap();
            assert_eq!(answer.response.body(), "3 orders");
        }
        assert_eq!(
            shop.tokens().into_iter().collect::<BTreeSet<_>>().len(),
            1,
            "the same newer token for all"
        );
        assert_eq!(world.count(Token), 2);
        world.change(|provider| provider.assert_clean());
    }
}

/// The same with threads, in whatever order they run.
#[test]
fn a_401_for_many_threads_renews_once() {
    for threads in [2, 8, 16] {
        let world = World::new();
        let (api, shop) = (threads_api(&world).client_credentials(read()).unwrap(), Shop::default());
        Caller::Threads(api.clone()).fine(&shop);
        shop.revoke_seen();
        shop.seen();
        let barrier = std::sync::Barrier::new(threads);
        std::thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(|| {
                    let first = std::sync::atomic::AtomicBool::new(true);
                    let answer = api.send(orders(), |request| {
                        let answer = shop.get(request);
                        if first.swap(false, std::sync::atomic::Ordering::SeqCst) {
                            barrier.wait();
                        }
                        answer
                    });
                    assert_eq!(answer.unwrap().response.body(), "3 orders");
                });
            }
        });
        assert_eq!((shop.seen().len(), world.count(Token)), (2 * threads, 2));
    }
}
