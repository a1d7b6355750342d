//! The laws for token exchange, for assertions, for ID-JAGs and for a grant of one's own.

use super::{
    flows::{Form, ISSUER, Kind},
    show::show_tokens,
    world::{NOW, Trace, World},
};
use oidc_proto::{
    Moment, Secret,
    flow::{
        AssertionGrantRequest, Client, Flow, GrantRequest, IdJagRequest, JwtAssertion, Pause,
        TokenExchangeRequest, TokenTypeIdentifier,
    },
    jose::{Algorithm, sign_compact},
};
use oidc_testkit::{JWT_BEARER_GRANT, KeyRing, Registration, TOKEN_EXCHANGE_GRANT, TestProvider};
use serde_json::json;

const OURS: &str = "https://ours.example";
const BADGE: &str = "urn:example:grant:badge";

/// Adds the grants to a registration.
pub(crate) fn allowed(registration: Registration) -> Registration {
    registration.grant_type(TOKEN_EXCHANGE_GRANT).grant_type(JWT_BEARER_GRANT).grant_type(BADGE)
}

/// Makes the provider accept them.
pub(crate) fn accept(provider: &mut TestProvider) {
    provider.trust_assertions(OURS, KeyRing::new().document());
    provider.accept_grant(BADGE, &["badge"]);
    super::target::offered(provider);
}

/// A JWT of another party that the provider trusts.
fn jwt() -> String {
    let claims = json!({"iss": OURS, "sub": "alice", "aud": ISSUER, "jti": "1", "exp": NOW.0 + 600});
    let (signer, _) = KeyRing::new().signer(Algorithm::EdDSA, 1, None);
    sign_compact(&*signer, Default::default(), claims.to_string().as_bytes()).unwrap()
}

/// Begins the flow and leaves it to the script. These flows have no saved form. They can be parked in memory.
pub(crate) fn play(
    kind: Kind,
    world: &mut World,
    client: &Client,
    token: Option<Secret>,
    forms: [Form; 3],
) -> Trace {
    let moment = Moment::new(NOW, [7; 32]);
    match kind {
        Kind::Exchange { repeatable } => {
            let wanted = TokenExchangeRequest::new(token.unwrap(), TokenTypeIdentifier::ACCESS_TOKEN)
                .requesting(TokenTypeIdentifier::ACCESS_TOKEN)
                .resource("https://api.example");
            let wanted = if repeatable { wanted.repeatable() } else { wanted };
            let call = client.exchange(&wanted, moment).unwrap();
            world.play(call, parked(forms), |exchanged| {
                format!("{:?} {}", exchanged.issued_token_type, show_tokens(&exchanged.tokens))
            })
        }
        Kind::Assertion { signed: true } => {
            let (key, _) = KeyRing::new().signer(Algorithm::EdDSA, 1, None);
            let wanted = AssertionGrantRequest::signed(JwtAssertion::new(OURS, "alice"), key.into());
            let call = client.assertion_grant(wanted, moment).unwrap();
            world.play(call, parked(forms), |tokens| show_tokens(&tokens))
        }
        Kind::Assertion { signed: false } => {
            let call = client.assertion_grant(AssertionGrantRequest::jwt(jwt()), moment).unwrap();
            world.play(call, parked(forms), |tokens| show_tokens(&tokens))
        }
        Kind::IdJag => {
            let wanted = IdJagRequest::new(jwt(), TokenTypeIdentifier::JWT, "https://as.example");
            let call = client.id_jag(&wanted, moment).unwrap();
            world.play(call, parked(forms), |id_jag| format!("{id_jag:?} {}", id_jag.assertion.expose()))
        }
        _ => {
            let wanted = GrantRequest::new(BADGE).parameter("badge", "7").repeatable();
            let call = client.grant(&wanted, moment).unwrap();
            world.play(call, parked(forms), |tokens| show_tokens(&tokens))
        }
    }
}

fn parked<F: Flow>(forms: [Form; 3]) -> impl FnMut(Pause<F>, oidc_proto::Timestamp) -> Pause<F> {
    let mut forms = forms.into_iter();
    move |pause, _| match forms.next().unwrap_or_default() {
        Form::Kept => pause,
        _ => Pause::new(pause.until(), pause.park()),
    }
}
