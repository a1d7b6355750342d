//! The authentication request (CIBA section 7): the client names a user, and the provider begins to ask that user.
//!
//! ```text
//! Posting ──acknowledged──▶ Done(BackchannelAuthentication)
//! ```
//! The request is sent once, because each one disturbs the user.

use super::{
    authentication::{BackchannelAuthentication, Begun},
    request::BackchannelAuthenticationRequest,
    signed::SignedAuthenticationRequest,
};
use crate::{
    base::{
        moment::{Moment, Timestamp},
        secret::Secret,
    },
    flow::{
        client::{Attempt, Client},
        contract::{Call, Endpoint, Error, ResponseError, ResponseRule, Step, Then},
        exchange::{Answer, Ask, Body, Post},
    },
    message::ciba::BackchannelAuthenticationResponse,
};
use http::StatusCode;

/// The flow from a client to a user who is being asked. [`Client::backchannel_authentication`] starts it.
///
/// ```
/// use oidc_proto::{Moment, Timestamp, UrlPolicy, flow::*, metadata::*};
///
/// let document = br#"{"issuer": "https://op.example", "token_endpoint": "https://op.example/token",
///     "jwks_uri": "https://op.example/jwks", "response_types_supported": ["code"],
///     "subject_types_supported": ["public"], "id_token_signing_alg_values_supported": ["ES256"],
///     "authorization_endpoint": "https://op.example/auth",
///     "backchannel_authentication_endpoint": "https://op.example/bc-authorize",
///     "backchannel_token_delivery_modes_supported": ["poll"]}"#;
/// let (profile, policy) = (Profile::OpenIdProvider, UrlPolicy::default());
/// let metadata = ProviderMetadata::parse(document, "https://op.example", profile, &policy)?;
/// let client = Client::builder(metadata, "call-center").secret("my secret").build()?;
///
/// let moment = || Moment::new(Timestamp(1_800_000_000), [7; 32]); // the time, and 32 random bytes
/// let wanted = BackchannelAuthenticationRequest::login_hint("alice@example.com").binding_message("W4SCT");
/// let (request, _terms, pending) = client.backchannel_authentication(&wanted, moment())?.into_parts();
/// assert_eq!(request.uri(), "https://op.example/bc-authorize");
///
/// let answer = r#"{"auth_req_id": "1c266114-a1be-4252-8ad1-04986c5b9ac1", "expires_in": 120, "interval": 2}"#;
/// let response = http::Response::builder().header("content-type", "application/json").body(answer)?;
/// let Step::Done(authentication) = pending.receive(response, moment())? else { panic!("it is done") };
/// assert_eq!(authentication.expires_at(), Timestamp(1_800_000_120));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub struct BackchannelAuthenticationStart;

impl Client {
    /// Asks the provider to authenticate a user on a device of theirs (CIBA section 7.1). The request is sent once.
    ///
    /// # Errors
    /// [`ConfigError::NoEndpoint`] if the metadata has no usable `backchannel_authentication_endpoint`;
    /// [`ConfigError::NoDeliveryMode`] if the provider does not list the mode; [`ConfigError::NoUserCode`] if it takes no
    /// `user_code`; [`ConfigError::NoBackchannelRequestAlgorithm`] if it does not list the algorithm of a signed request;
    /// [`ConfigError::Parameter`] if a parameter is empty, or has a character that it may not have;
    /// [`ConfigError::Reserved`] if an extra parameter is one that the library sets.
    ///
    /// [`ConfigError::NoEndpoint`]: crate::flow::ConfigError::NoEndpoint
    /// [`ConfigError::NoDeliveryMode`]: crate::flow::ConfigError::NoDeliveryMode
    /// [`ConfigError::NoUserCode`]: crate::flow::ConfigError::NoUserCode
    /// [`ConfigError::NoBackchannelRequestAlgorithm`]: crate::flow::ConfigError::NoBackchannelRequestAlgorithm
    /// [`ConfigError::Parameter`]: crate::flow::ConfigError::Parameter
    /// [`ConfigError::Reserved`]: crate::flow::ConfigError::Reserved
    pub fn backchannel_authentication(
        &self,
        request: &BackchannelAuthenticationRequest,
        moment: Moment,
    ) -> Result<Call<BackchannelAuthenticationStart>, Error> {
        Attempt::from(self).backchannel_authentication(request, moment)
    }

    /// Asks the provider to authenticate a user, by a request that a key elsewhere has signed. `request` is the one that
    /// [`backchannel_request_to_sign`](Self::backchannel_request_to_sign) was made of.
    ///
    /// # Errors
    /// As [`backchannel_authentication`](Self::backchannel_authentication), and [`ConfigError::SignedRequest`] if another
    /// request was signed, or one of another client or for another provider, or if the signed request has expired.
    ///
    /// [`ConfigError::SignedRequest`]: crate::flow::ConfigError::SignedRequest
    pub fn signed_backchannel_authentication(
        &self,
        request: &BackchannelAuthenticationRequest,
        signed: SignedAuthenticationRequest,
        moment: Moment,
    ) -> Result<Call<BackchannelAuthenticationStart>, Error> {
        Attempt::from(self).signed_backchannel_authentication(request, signed, moment)
    }
}

impl Attempt {
    /// Asks the provider to authenticate a user on a device of theirs.
    ///
    /// # Errors
    /// As [`Client::backchannel_authentication`].
    pub fn backchannel_authentication(
        self,
        request: &BackchannelAuthenticationRequest,
        moment: Moment,
    ) -> Result<Call<BackchannelAuthenticationStart>, Error> {
        request.check(self.client.metadata())?;
        let (first, second) = moment.halve();
        let (now, mut entropy) = first.split();
        let token = request.mode.notifies().then(|| Secret::new(entropy.token()));
        match self.client.signed_request(request, token.as_ref(), now, &mut entropy)? {
            Some(signed) => {
                self.send_backchannel(request, vec![("request".into(), signed.jwt)], token, second)
            }
            None => {
                let form = request.parameters(token.as_ref())?;
                self.send_backchannel(request, form, token, second)
            }
        }
    }

    /// Asks the provider to authenticate a user, by a request that a key elsewhere has signed.
    ///
    /// # Errors
    /// As [`Client::signed_backchannel_authentication`].
    pub fn signed_backchannel_authentication(
        self,
        request: &BackchannelAuthenticationRequest,
        signed: SignedAuthenticationRequest,
        moment: Moment,
    ) -> Result<Call<BackchannelAuthenticationStart>, Error> {
        request.check(self.client.metadata())?;
        let token = signed.check(request, &self.client, moment.now())?;
        self.send_backchannel(request, vec![("request".into(), signed.jwt)], token, moment)
    }

    fn send_backchannel(
        self,
        request: &BackchannelAuthenticationRequest,
        form: crate::flow::client::Form,
        notification_token: Option<Secret>,
        moment: Moment,
    ) -> Result<Call<BackchannelAuthenticationStart>, Error> {
        let client = self.client.clone();
        let ask = Ask::new(self, Endpoint::BackchannelAuthentication, form);
        // What a signed request says of the user is as secret as it is in a plain one.
        let said = request.parameters(notification_token.as_ref())?;
        let said = said
            .into_iter()
            .filter(|(name, _)| !matches!(&**name, "scope" | "acr_values" | "requested_expiry" | "resource"));
        let call = ask.bound(said.map(|(_, value)| value)).once(moment)?;
        Ok(call.carrying(Begun { client, request: request.clone(), notification_token }))
    }
}

impl Answer for BackchannelAuthenticationResponse {
    const MEMBER: Option<&'static str> = Some("auth_req_id");

    fn read(body: Body, client: &Client, _: Timestamp) -> Result<Self, ResponseRule> {
        Self::from_members(body.members()?, client.quirks())?.map_err(ResponseRule::Missing)
    }
}

impl Then for BackchannelAuthenticationStart {
    type First = Post<BackchannelAuthenticationResponse>;
    type Carried = Begun;
    type Output = BackchannelAuthentication;

    fn then(
        response: BackchannelAuthenticationResponse,
        begun: Begun,
        moment: Moment,
    ) -> Result<Step<Self>, Error> {
        let read = BackchannelAuthentication::new(response, begun, moment.now());
        let broken = |rule| ResponseError::new(Endpoint::BackchannelAuthentication, StatusCode::OK, rule);
        Ok(Step::Done(read.map_err(broken)?))
    }
}
