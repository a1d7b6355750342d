//! Mistakes that do not compile, each beside the same code without the mistake.
//!
//! `cargo test --doc` compiles both. The first must fail with the error that is named (the compiler checks the code of
//! the error only if it is a nightly one, or with `RUSTC_BOOTSTRAP=1`). The second must compile, so the first fails
//! because of the mistake and for no other reason.
//!
//! # Two responses for one request
//!
//! A request has one response: the response consumes the pending flow.
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
//! A flow at rest has no request in flight, so it takes no response.
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
//! Only [`Call::into_parts`](crate::flow::Call::into_parts) returns the flow that takes the response, together with
//! the request.
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
//! The type of a pending flow names the flow: discovery returns no keys.
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
//! A flow can be saved only at rest: a response in flight could be lost, or come twice.
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
//! If nobody carries out a step, its flow stops silently. The compiler warns, and in this example the warning is an
//! error.
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
//! With the same state, nonce and verifier, an attacker could use one login as the other.
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
//! A moment cannot be cloned.
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
//! # One pending authorization, two callbacks
//!
//! A callback consumes the pending login.
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
//! Only the pending authorization has the state to compare with, so the response alone starts nothing.
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
//! Only [`PendingAuthorization::callback`](crate::flow::PendingAuthorization::callback) starts the exchange of a
//! code.
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
//! # A pending authorization of your own making
//!
//! State, nonce and verifier are made together, and are saved and read together.
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
//! An ID token in a token response is text. Only a verifier or a flow makes claims of it.
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
//! # An ID token of your own making
//!
//! Every [`IdToken`](crate::token::IdToken) has been verified.
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
//! # A verified access token of your own making
//!
//! The claims of every [`VerifiedAccessToken`](crate::token::VerifiedAccessToken) have been verified.
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
//! Claims borrow the scratch memory of their verification, so it cannot be used again while the claims are.
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
//! A secret has no `Serialize`, so it is not serialized by accident.
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
//! Requests go to an [`EndpointUrl`](crate::EndpointUrl), which is `https` and has been checked.
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
//! Only a check makes an endpoint of a text, and it refuses plain http.
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
//! A key is bound to the algorithms of its type when it is parsed, and there is no other way to make a key.
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
//! # A key set with unchecked keys
//!
//! A key set is read from a document, or made of keys as JSON or of one secret. Each key is checked.
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
//! `none` is not an algorithm of this crate, so a program cannot allow it.
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

pub mod assertions;
pub mod pushed;
pub mod requests;
