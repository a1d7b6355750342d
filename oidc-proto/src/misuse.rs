//! What does not compile, and why that is the point.
//!
//! Each mistake stands beside the same few lines without it. The first is compiled and must fail with
//! the error named (`cargo test --doc`; the codes count on a nightly compiler, or with
//! `RUSTC_BOOTSTRAP=1`), the second must compile: so it fails for the mistake and for nothing else.
//!
//! # Two responses for one request
//!
//! A request has one response: whatever takes it is gone then.
//!
//! ```compile_fail,E0382
//! # use oidc_proto::{Moment, flow::{Discovery, Pending}};
//! fn twice(
//!     pending: Pending<Discovery>,
//!     first: http::Response<Vec<u8>>,
//!     second: http::Response<Vec<u8>>,
//!     a: Moment,
//!     b: Moment,
//! ) {
//!     let _ = pending.receive(first, a);
//!     let _ = pending.receive(second, b);
//! }
//! ```
//!
//! ```
//! # use oidc_proto::{Moment, flow::{Discovery, Pending}};
//! fn once(pending: Pending<Discovery>, first: http::Response<Vec<u8>>, a: Moment) {
//!     let _ = pending.receive(first, a);
//! }
//! ```
//!
//! # A response without a request
//!
//! A flow at rest has nothing in flight, so there is no response to it.
//!
//! ```compile_fail,E0599
//! # use oidc_proto::{Moment, flow::{ClientCredentialsGrant, Pause}};
//! fn resting(
//!     pause: Pause<ClientCredentialsGrant>,
//!     response: http::Response<Vec<u8>>,
//!     now: Moment,
//! ) {
//!     let _ = pause.receive(response, now);
//! }
//! ```
//!
//! ```
//! # use oidc_proto::{Moment, flow::{ClientCredentialsGrant, Pause}};
//! fn resting(
//!     pause: Pause<ClientCredentialsGrant>,
//!     response: http::Response<Vec<u8>>,
//!     now: Moment,
//! ) {
//!     let _ = pause.wake(now);
//! }
//! ```
//!
//! # A response to a request that was not sent
//!
//! Only [`Call::into_parts`](crate::flow::Call::into_parts) gives what takes the response, and it gives the
//! request with it.
//!
//! ```compile_fail,E0599
//! # use oidc_proto::{Moment, flow::{Call, Discovery}};
//! fn unsent(call: Call<Discovery>, response: http::Response<Vec<u8>>, now: Moment) {
//!     let _ = call.receive(response, now);
//! }
//! ```
//!
//! ```
//! # use oidc_proto::{Moment, flow::{Call, Discovery}};
//! fn sent(call: Call<Discovery>, response: http::Response<Vec<u8>>, now: Moment) {
//!     let (request, terms, pending) = call.into_parts();
//!     let _ = pending.receive(response, now);
//! }
//! ```
//!
//! # The response of one flow, given to another
//!
//! What takes a response knows its flow: keys do not come out of discovery.
//!
//! ```compile_fail,E0308
//! # use oidc_proto::{Error, Moment, flow::{Discovery, JwksRetrieval, Pending, Step}};
//! fn mixed(
//!     pending: Pending<Discovery>,
//!     keys: http::Response<Vec<u8>>,
//!     now: Moment,
//! ) -> Result<Step<JwksRetrieval>, Error> {
//!     pending.receive(keys, now)
//! }
//! ```
//!
//! ```
//! # use oidc_proto::{Error, Moment, flow::{JwksRetrieval, Pending, Step}};
//! fn fitting(
//!     pending: Pending<JwksRetrieval>,
//!     keys: http::Response<Vec<u8>>,
//!     now: Moment,
//! ) -> Result<Step<JwksRetrieval>, Error> {
//!     pending.receive(keys, now)
//! }
//! ```
//!
//! # A flow in flight, saved
//!
//! Only at rest can a flow be saved: what is in flight can be lost, or come twice.
//!
//! ```compile_fail,E0599
//! # use oidc_proto::flow::{ClientCredentialsGrant, Pending};
//! fn in_flight(pending: Pending<ClientCredentialsGrant>) {
//!     let _ = pending.save();
//! }
//! ```
//!
//! ```
//! # use oidc_proto::flow::{ClientCredentialsGrant, Pause};
//! fn at_rest(pause: Pause<ClientCredentialsGrant>) {
//!     let _ = pause.save();
//! }
//! ```
//!
//! # A step, forgotten
//!
//! A step that nobody carries out is a flow that stops without a word; the compiler warns, and here it is
//! told to refuse.
//!
//! ```compile_fail
//! #![deny(unused_must_use)]
//! # use oidc_proto::{Error, Moment, flow::{Discovery, Pending}};
//! fn forgotten(
//!     pending: Pending<Discovery>,
//!     response: http::Response<Vec<u8>>,
//!     now: Moment,
//! ) -> Result<(), Error> {
//!     pending.receive(response, now)?;
//!     Ok(())
//! }
//! ```
//!
//! ```
//! #![deny(unused_must_use)]
//! # use oidc_proto::{Error, Moment, flow::{Discovery, Pending, Step}};
//! fn kept(
//!     pending: Pending<Discovery>,
//!     response: http::Response<Vec<u8>>,
//!     now: Moment,
//! ) -> Result<Step<Discovery>, Error> {
//!     let step = pending.receive(response, now)?;
//!     Ok(step)
//! }
//! ```
//!
//! # One moment, used twice
//!
//! Two logins with the same state, nonce and verifier would be one login for an attacker.
//!
//! ```compile_fail,E0382
//! # use oidc_proto::{Moment, flow::Client, message::AuthorizationRequest};
//! fn two_logins(client: &Client, request: &AuthorizationRequest, moment: Moment) {
//!     let first = client.authorize(request, moment);
//!     let second = client.authorize(request, moment);
//! }
//! ```
//!
//! ```
//! # use oidc_proto::{Moment, flow::Client, message::AuthorizationRequest};
//! fn two_logins(
//!     client: &Client,
//!     request: &AuthorizationRequest,
//!     moment: Moment,
//!     another: Moment,
//! ) {
//!     let first = client.authorize(request, moment);
//!     let second = client.authorize(request, another);
//! }
//! ```
//!
//! # One moment, copied
//!
//! Nor can a moment be duplicated first.
//!
//! ```compile_fail,E0599
//! # use oidc_proto::Moment;
//! fn copied(moment: Moment) -> (Moment, Moment) {
//!     (moment.clone(), moment)
//! }
//! ```
//!
//! ```
//! # use oidc_proto::{Moment, Timestamp};
//! fn kept(moment: Moment) -> (Timestamp, Moment) {
//!     (moment.now(), moment)
//! }
//! ```
//!
//! # A pending authorization that answers two callbacks
//!
//! The login that a callback ends is over with it.
//!
//! ```compile_fail,E0382
//! # use oidc_proto::{Moment, flow::{Client, PendingAuthorization}, message::AuthorizationResponse};
//! fn twice(
//!     client: &Client,
//!     login: PendingAuthorization,
//!     a: AuthorizationResponse,
//!     b: AuthorizationResponse,
//!     now: Moment,
//!     then: Moment,
//! ) {
//!     let _ = login.callback(client, None, a, now);
//!     let _ = login.callback(client, None, b, then);
//! }
//! ```
//!
//! ```
//! # use oidc_proto::{Moment, flow::{Client, PendingAuthorization}, message::AuthorizationResponse};
//! fn once(client: &Client, login: PendingAuthorization, a: AuthorizationResponse, now: Moment) {
//!     let _ = login.callback(client, None, a, now);
//! }
//! ```
//!
//! # A callback without its pending authorization
//!
//! Without what was kept there is no state to compare: the response alone leads nowhere.
//!
//! ```compile_fail,E0599
//! # use oidc_proto::{Moment, flow::Client, message::AuthorizationResponse};
//! fn login(client: &Client, response: AuthorizationResponse, now: Moment) {
//!     let _ = client.callback(None, response, now);
//! }
//! ```
//!
//! ```
//! # use oidc_proto::{Moment, flow::{Client, PendingAuthorization}, message::AuthorizationResponse};
//! fn login(
//!     client: &Client,
//!     kept: PendingAuthorization,
//!     response: AuthorizationResponse,
//!     now: Moment,
//! ) {
//!     let _ = kept.callback(client, None, response, now);
//! }
//! ```
//!
//! # A token request without a checked callback
//!
//! The exchange of a code begins in
//! [`PendingAuthorization::callback`](crate::flow::PendingAuthorization::callback) and nowhere else.
//!
//! ```compile_fail,E0624
//! # use oidc_proto::flow::Login;
//! fn main() {
//!     let _ = Login::start;
//! }
//! ```
//!
//! ```
//! # use oidc_proto::flow::PendingAuthorization;
//! fn main() {
//!     let _ = PendingAuthorization::callback;
//! }
//! ```
//!
//! # A pending authorization of one's own making
//!
//! State, nonce and verifier are made together, and come back from where they were saved, or not at all.
//!
//! ```compile_fail,E0451
//! # use oidc_proto::flow::PendingAuthorization;
//! fn forged(kept: PendingAuthorization) -> PendingAuthorization {
//!     PendingAuthorization { max_age: None, ..kept }
//! }
//! ```
//!
//! ```
//! # use oidc_proto::flow::PendingAuthorization;
//! fn kept(kept: PendingAuthorization) -> String {
//!     kept.state().to_owned()
//! }
//! ```
//!
//! # The claims of an unverified ID token
//!
//! An ID token in a token response is text; only a verifier or a flow makes claims of it.
//!
//! ```compile_fail,E0609
//! # use oidc_proto::message::TokenResponse;
//! fn who(tokens: TokenResponse) -> Option<String> {
//!     Some(tokens.id_token?.sub)
//! }
//! ```
//!
//! ```
//! # use oidc_proto::flow::Authenticated;
//! fn who(login: Authenticated) -> Option<String> {
//!     Some(login.id_token.sub)
//! }
//! ```
//!
//! # An ID token of one's own making
//!
//! Whoever holds an [`IdToken`](crate::token::IdToken) knows that it was verified.
//!
//! ```compile_fail,E0639
//! # use oidc_proto::token::IdToken;
//! fn forged(token: IdToken) -> IdToken {
//!     IdToken { sub: "admin".to_owned(), ..token }
//! }
//! ```
//!
//! ```
//! # use oidc_proto::token::IdToken;
//! fn verified(token: IdToken) -> String {
//!     token.sub
//! }
//! ```
//!
//! # A verified access token of one's own making
//!
//! Whoever holds [`VerifiedAccessToken`](crate::token::VerifiedAccessToken) claims knows that they were verified.
//!
//! ```compile_fail,E0451
//! # use oidc_proto::token::VerifiedAccessToken;
//! fn forged<'s>(verified: VerifiedAccessToken<'s>) -> VerifiedAccessToken<'s> {
//!     VerifiedAccessToken { payload: b"{}", ..verified }
//! }
//! ```
//!
//! ```
//! # use oidc_proto::token::{Claims, VerifiedAccessToken};
//! fn verified<'v, 's>(verified: &'v VerifiedAccessToken<'s>) -> &'v Claims<'s> {
//!     verified.claims()
//! }
//! ```
//!
//! # The claims of one token, read from another
//!
//! Claims are borrowed from the memory of their verification: it cannot be used again while they are.
//!
//! ```compile_fail,E0499
//! # use oidc_proto::{Timestamp, jose::KeySet, token::{VerificationError, Scratch, AccessTokenVerifier}};
//! fn swapped(
//!     verifier: &AccessTokenVerifier,
//!     keys: &KeySet,
//!     memory: &mut Scratch,
//!     now: Timestamp,
//! ) -> Result<bool, VerificationError> {
//!     let first = verifier.verify("a.b.c", keys, memory, now)?;
//!     let second = verifier.verify("d.e.f", keys, memory, now)?;
//!     Ok(first.has_scope("admin"))
//! }
//! ```
//!
//! ```
//! # use oidc_proto::{Timestamp, jose::KeySet, token::{VerificationError, Scratch, AccessTokenVerifier}};
//! fn in_turn(
//!     verifier: &AccessTokenVerifier,
//!     keys: &KeySet,
//!     memory: &mut Scratch,
//!     now: Timestamp,
//! ) -> Result<bool, VerificationError> {
//!     let first = verifier.verify("a.b.c", keys, memory, now)?.has_scope("admin");
//!     let second = verifier.verify("d.e.f", keys, memory, now)?;
//!     Ok(first)
//! }
//! ```
//!
//! # A secret, printed
//!
//! A secret has no `Display`.
//!
//! ```compile_fail,E0277
//! # use oidc_proto::Secret;
//! fn log(secret: &Secret) -> String {
//!     format!("{secret}")
//! }
//! ```
//!
//! ```
//! # use oidc_proto::Secret;
//! fn log(secret: &Secret) -> String {
//!     format!("{secret:?}") // Secret(..)
//! }
//! ```
//!
//! # A secret, serialized
//!
//! Nor does a secret serialize by accident.
//!
//! ```compile_fail,E0277
//! # use oidc_proto::Secret;
//! fn store(secret: &Secret) -> String {
//!     serde_json::to_string(secret).unwrap_or_default()
//! }
//! ```
//!
//! ```
//! # use oidc_proto::Secret;
//! fn store(secret: &Secret) -> String {
//!     serde_json::to_string(secret.expose()).unwrap_or_default()
//! }
//! ```
//!
//! # A plain URL where requests go
//!
//! Requests go to an [`EndpointUrl`](crate::EndpointUrl): `https`, and checked.
//!
//! ```compile_fail,E0308
//! # use oidc_proto::flow::{Call, JwksRetrieval};
//! fn keys(url: &url::Url) -> Call<JwksRetrieval> {
//!     JwksRetrieval::start(url)
//! }
//! ```
//!
//! ```
//! # use oidc_proto::{EndpointUrl, flow::{Call, JwksRetrieval}};
//! fn keys(url: &EndpointUrl) -> Call<JwksRetrieval> {
//!     JwksRetrieval::start(url)
//! }
//! ```
//!
//! # Plain text where requests go
//!
//! A text becomes an endpoint by being checked, and then plain http is an error.
//!
//! ```compile_fail,E0308
//! # use oidc_proto::flow::{Call, JwksRetrieval};
//! fn keys() -> Call<JwksRetrieval> {
//!     JwksRetrieval::start("http://op.example/jwks")
//! }
//! ```
//!
//! ```
//! # use oidc_proto::{EndpointUrl, UrlPolicy};
//! assert!(EndpointUrl::parse("http://op.example/jwks", &UrlPolicy::default()).is_err());
//! assert!(EndpointUrl::parse("https://op.example/jwks", &UrlPolicy::default()).is_ok());
//! ```
//!
//! # A key with algorithms of another type
//!
//! A key is bound to the algorithms of its type as it is parsed; there is no other way to a key.
//!
//! ```compile_fail,E0451
//! # use oidc_proto::jose::{AlgorithmSet, Key};
//! fn rebound(key: Key) -> Key {
//!     Key { algorithms: AlgorithmSet::ALL, ..key }
//! }
//! ```
//!
//! ```
//! # use oidc_proto::jose::{AlgorithmSet, Key};
//! fn bound(key: &Key) -> AlgorithmSet {
//!     key.algorithms()
//! }
//! ```
//!
//! # A key set of keys that nobody judged
//!
//! A set is read from a document, or made of keys as JSON or of one secret; each is judged on the way in.
//!
//! ```compile_fail,E0451
//! # use oidc_proto::jose::KeySet;
//! fn unjudged() -> KeySet {
//!     KeySet { keys: Vec::new(), ..KeySet::default() }
//! }
//! ```
//!
//! ```
//! # use oidc_proto::jose::{KeySet, KeySetError};
//! fn judged() -> Result<KeySet, KeySetError> {
//!     KeySet::parse(b"{\"keys\":[]}")
//! }
//! ```
//!
//! # An unsigned token, allowed
//!
//! `none` is not an algorithm, so no one can allow it.
//!
//! ```compile_fail,E0599
//! # use oidc_proto::jose::{Algorithm, AlgorithmSet};
//! fn allowed() -> AlgorithmSet {
//!     AlgorithmSet::EMPTY.with(Algorithm::None)
//! }
//! ```
//!
//! ```
//! # use oidc_proto::jose::{Algorithm, AlgorithmSet};
//! fn allowed() -> AlgorithmSet {
//!     AlgorithmSet::EMPTY.with(Algorithm::ES256)
//! }
//! ```
