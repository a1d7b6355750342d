//! Delegation told: an API sees the user and the party that acts for the user apart (RFC 8693 section 4.1).

use super::*;
use oidc_proto::flow::{TokenExchangeRequest, TokenTypeIdentifier};
use oidc_testkit::{TOKEN_EXCHANGE_GRANT, drive};
use std::collections::BTreeSet;

const ISSUER: &str = "https://op.example";

/// A world in which agents exchange the token of a user for one of their own, and the records tell pseudonyms.
fn world() -> World {
    let world = World::new();
    world.provider(|provider| {
        for client in ["robot", "agent", "planner"] {
            let registration = Registration::basic(client, "secret");
            provider.register(registration.grant_types(["client_credentials", TOKEN_EXCHANGE_GRANT]));
        }
        provider.register(Registration::basic("api", "its secret"));
    });
    world
}

/// A token that a client has for itself.
fn own_token(world: &World, client: &str) -> oidc_proto::Secret {
    let wanted = oidc_proto::flow::ClientCredentialsRequest::new(["reports:read"]);
    let client = client_of(world, client);
    let now = world.clock.now();
    world.provider(|provider| {
        let mut clock = oidc_testkit::Clock::new(now, Seed::new(7));
        let call = client.client_credentials(&wanted, clock.moment()).unwrap();
        drive(call, provider, &mut clock).unwrap().access_token
    })
}

fn client_of(world: &World, client: &str) -> Client {
    let document = world.provider(|provider| provider.metadata()).to_string();
    let profile = oidc_proto::metadata::Profile::AuthorizationServer;
    let policy = oidc_proto::UrlPolicy::default();
    let metadata =
        oidc_proto::metadata::ProviderMetadata::parse(document.as_bytes(), ISSUER, profile, &policy).unwrap();
    Client::builder(metadata, client).secret("secret").build().unwrap()
}

/// The token with which a client acts for the subject of a token.
fn acting(
    world: &World,
    subject: &oidc_proto::Secret,
    actor: &str,
) -> Result<oidc_proto::Secret, oidc_proto::Error> {
    let (client, own) = (client_of(world, actor), own_token(world, actor));
    let wanted = TokenExchangeRequest::new(subject.clone(), TokenTypeIdentifier::ACCESS_TOKEN)
        .actor(own, TokenTypeIdentifier::ACCESS_TOKEN)
        .scopes(["reports:read"]);
    let now = world.clock.now();
    world.provider(|provider| {
        let mut clock = oidc_testkit::Clock::new(now, Seed::new(9));
        let call = client.exchange(&wanted, clock.moment()).unwrap();
        drive(call, provider, &mut clock).map(|exchanged| exchanged.tokens.access_token)
    })
}

/// The service behind the gate: it tells the subject, the actor, and who acted before.
#[derive(Clone)]
struct Teller;

impl Service<Incoming> for Teller {
    type Response = Outgoing;
    type Error = Infallible;
    type Future = Ready<Result<Outgoing, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Incoming) -> Self::Future {
        let access = oidc_tower::access(request.extensions()).expect("behind the gate");
        ready(Ok(http::Response::new(told_of(access))))
    }
}

fn told_of(access: &Access) -> String {
    let subject = access.subject().unwrap_or("nobody");
    let Some(actor) = access.actor() else { return format!("{subject} itself") };
    let earlier: Vec<&str> = actor.earlier().filter_map(|actor| actor.sub.as_deref()).collect();
    format!("{} for {subject}, after {earlier:?}", actor.sub.as_deref().unwrap_or("nobody"))
}

async fn ask(gate: &Gate, needs: Requirement, token: &str) -> (u16, String) {
    let response = call(&ProtectLayer::new(gate.clone()).require(needs).layer(Teller), bearer(token)).await;
    (response.status().as_u16(), response.into_body())
}

fn gate(world: &World) -> Gate {
    let server = World::server().pseudonyms(b"a key for pseudonyms of 32 bytes");
    world.builder(server).verified_cache(1 << 20).build().unwrap()
}

#[tokio::test]
async fn an_api_sees_the_user_and_the_actor_apart_and_each_route_says_whom_it_wants() {
    let world = world();
    let gate = gate(&world);
    let user = own_token(&world, "robot");
    let by_agent = acting(&world, &user, "agent").unwrap();
    let by_planner = acting(&world, &by_agent, "planner").unwrap();
    let agent = || Requirement::new().acted_for_by([(ISSUER, "agent")]);
    let alone = || Requirement::new().without_actor();
    let either = || Requirement::new().acted_for_by([("https://other.example", "x"), (ISSUER, "planner")]);
    let any = Requirement::new;
    // Each request comes twice: the second verdict is by the cache.
    for _ in 0..2 {
        for (token, told, open) in [
            (&user, "robot itself", [true, false, true, false]),
            (&by_agent, "agent for robot, after []", [true, true, false, false]),
            (&by_planner, "planner for robot, after [\"agent\"]", [true, false, false, true]),
        ] {
            for (needs, open) in [any(), agent(), alone(), either()].into_iter().zip(open) {
                let (status, body) = ask(&gate, needs.clone(), token.expose()).await;
                assert_eq!(status, if open { 200 } else { 403 }, "{told}: {needs:?}");
                assert_eq!(body == told, open, "{body}");
            }
        }
    }
    let records: Vec<_> = lock(&world.records).drain(..).collect();
    let refused = records.iter().filter(|record| record.clause == "access_actor");
    assert!(refused.count() > 5, "{records:?}");
    // The records name the two apart. Everybody has one pseudonym, as a subject and as an actor.
    let subjects: BTreeSet<_> = records.iter().map(|record| record.subject.clone().unwrap()).collect();
    let actors: BTreeSet<_> = records.iter().map(|record| record.actor.clone()).collect();
    assert_eq!((subjects.len(), actors.len()), (1, 3), "no actor, the agent, the planner");
    assert!(records.iter().all(|record| record.actor != record.subject));
    for record in &records {
        let line = format!("{record} {}", serde_json::to_string(record).unwrap());
        assert!(!line.contains("robot") && !line.contains("planner") && !line.contains("\"agent"), "{line}");
        assert_eq!(line.contains(" actor="), record.actor.is_some(), "{line}");
    }
    let (_, body) = ask(&gate, any(), own_token(&world, "agent").expose()).await;
    assert_eq!(body, "agent itself");
    let records = lock(&world.records).clone();
    assert!(actors.contains(&records[0].subject), "the same pseudonym in both roles");
    world.provider(|provider| provider.assert_clean());
}

#[tokio::test]
async fn an_act_that_cannot_be_read_opens_no_route_at_all() {
    let world = world();
    let gate = gate(&world);
    let mut deep = json!({"sub": "a"});
    for _ in 0..8 {
        deep = json!({"sub": "a", "act": deep});
    }
    for (act, status, clause) in [
        (json!({"sub": "agent"}), 200, "accepted"),
        (json!({"email": "agent@example.com"}), 200, "accepted"),
        (Value::Null, 200, "accepted"),
        (json!("agent"), 401, "token_claims_json"),
        (json!(["agent"]), 401, "token_claims_json"),
        (json!({"sub": 7}), 401, "token_claims_json"),
        (json!({"sub": "agent", "act": true}), 401, "token_claims_json"),
        (json!({"sub": "agent\nroot"}), 401, "token_claim_value"),
        (json!({"sub": "a", "act": {"iss": "\u{202e}x"}}), 401, "token_claim_value"),
        (deep["act"].clone(), 200, "accepted"),
        (deep.clone(), 401, "token_too_many_actors"),
    ] {
        let shown = act.to_string();
        let token = world.token_with(move |_, claims| drop(claims.insert("act".into(), act.clone())));
        for _ in 0..2 {
            let (found, _) = ask(&gate, Requirement::new(), &token).await;
            assert_eq!((found, world.clauses().last().copied()), (status, Some(clause)), "{shown}");
        }
        // Whatever is there but absence, somebody acts.
        let (found, _) = ask(&gate, Requirement::new().without_actor(), &token).await;
        assert_eq!(found == 200, shown == "null", "{shown}");
    }
}

#[tokio::test]
async fn the_actor_of_an_introspected_token_counts_alike() {
    let world = world();
    let client = |metadata| Client::builder(metadata, "api").secret("its secret").build();
    let server = World::introspecting().pseudonyms(b"a key for pseudonyms of 32 bytes");
    let gate = world.builder(server).introspection(client).build().unwrap();
    let mut deep = json!({"sub": "a"});
    for _ in 0..8 {
        deep = json!({"sub": "a", "act": deep});
    }
    for (name, act, told, clause) in [
        ("user", Value::Null, "alice itself", "accepted"),
        ("agent", json!({"sub": "agent"}), "agent for alice, after []", "accepted"),
        ("chain", json!({"sub": "b", "act": {"sub": "a"}}), "b for alice, after [\"a\"]", "accepted"),
        ("text", json!("agent"), "", "token_claims_json"),
        ("number", json!({"sub": 5}), "", "token_claims_json"),
        ("deep", deep, "", "token_too_many_actors"),
        ("hidden", json!({"sub": "a\u{200b}"}), "", "token_claim_value"),
    ] {
        let said = json!({"active": true, "iss": ISSUER, "aud": RESOURCE, "sub": "alice", "act": act});
        lock(&world.said).insert(name.to_owned(), said);
        let (status, body) = ask(&gate, Requirement::new(), name).await;
        let record = lock(&world.records).pop().unwrap();
        assert_eq!((record.clause, status == 200), (clause, clause == "accepted"), "{name}");
        if status == 200 {
            assert_eq!((body.as_str(), record.actor.is_some()), (told, name != "user"), "{name}");
        }
        let (alone, _) = ask(&gate, Requirement::new().without_actor(), name).await;
        assert_eq!(alone == 200, name == "user");
        let (agent, _) = ask(&gate, Requirement::new().acted_for_by([(ISSUER, "agent")]), name).await;
        assert_eq!(agent == 200, name == "agent");
    }
}

#[tokio::test]
async fn an_axum_handler_sees_both_too() {
    let world = world();
    let gate = gate(&world);
    let by_agent = acting(&world, &own_token(&world, "robot"), "agent").unwrap();
    let app = axum::Router::new()
        .route("/reports", axum::routing::get(async |access: oidc_axum::Access| told_of(&access)))
        .layer(ProtectLayer::new(gate).require(Requirement::new().acted_for_by([(ISSUER, "agent")])));
    for (token, status, told) in [
        (by_agent, 200, "agent for robot, after []"),
        (own_token(&world, "robot"), 403, r#"{"error":"insufficient_scope"}"#),
    ] {
        let request = http::Request::get("/reports")
            .header("authorization", format!("Bearer {}", token.expose()))
            .body(axum::body::Body::empty())
            .unwrap();
        let mut service = app.clone();
        let response = service.call(request).await.unwrap();
        let found = response.status().as_u16();
        let body = axum::body::to_bytes(response.into_body(), 1_000).await.unwrap();
        assert_eq!((found, std::str::from_utf8(&body).unwrap()), (status, told));
    }
}

#[tokio::test]
async fn only_the_actor_that_a_token_names_may_act_for_its_subject() {
    let world = world();
    world.provider(|provider| provider.may_act(json!({"iss": ISSUER, "sub": "agent"})));
    let user = own_token(&world, "robot");
    assert!(acting(&world, &user, "agent").is_ok());
    let Err(oidc_proto::Error::OAuth(refused)) = acting(&world, &user, "planner") else { panic!() };
    assert_eq!(refused.response.error, "invalid_request");
    let gate = gate(&world);
    let request = bearer(user.expose()).map(drop);
    let (parts, ()) = request.into_parts();
    let access = gate.check(&RequestView::of(&parts)).await.unwrap();
    assert_eq!(access.may_act().and_then(|actor| actor.sub).as_deref(), Some("agent"));
    assert!(access.actor().is_none(), "whoever may act does not act yet");
    for unreadable in [json!("agent"), json!({"sub": 5}), json!(["agent"]), json!(true)] {
        let token =
            world.token_with(move |_, claims| drop(claims.insert("may_act".into(), unreadable.clone())));
        let (parts, ()) = bearer(&token).map(drop).into_parts();
        let access = gate.check(&RequestView::of(&parts)).await.unwrap();
        assert_eq!(access.may_act(), None, "nobody may");
    }
}
