//! Clients that authenticate with the token of a platform, such as a Kubernetes cluster (RFC 7523 section 3): the provider
//! trusts an issuer, and a subject of it.

use super::{TestProvider, grants::opened};
use serde_json::Value;

/// What the provider believes of a client without a secret: the tokens of this issuer for this subject.
///
/// ```
/// use oidc_testkit::{ClientAuthentication, FederatedCredential, KeyRing, Registration, TestProvider};
///
/// let cluster = FederatedCredential::new("https://cluster.example", "system:serviceaccount:shop:orders")
///     .audience("https://op.example")
///     .keys(KeyRing::new().document());
/// let mut provider = TestProvider::new("https://op.example");
/// provider.register(Registration::new("orders", ClientAuthentication::Federated(cluster)));
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct FederatedCredential {
    issuer: String,
    subject: String,
    audience: String,
    key_set: Value,
    once: bool,
}

impl FederatedCredential {
    /// Believes the tokens of this issuer for this subject.
    #[must_use]
    pub fn new(issuer: impl Into<String>, subject: impl Into<String>) -> Self {
        let key_set = crate::KeyRing::new().document();
        let (issuer, subject) = (issuer.into(), subject.into());
        Self { issuer, subject, audience: String::new(), key_set, once: false }
    }

    /// Sets the audience that the tokens must have.
    #[must_use]
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.audience = audience.into();
        self
    }

    /// Sets the keys of the issuer. They are those of a new [`KeyRing`](crate::KeyRing) by default.
    #[must_use]
    pub fn keys(mut self, key_set: Value) -> Self {
        self.key_set = key_set;
        self
    }

    /// Accepts each token once, by its `jti`.
    #[must_use]
    pub const fn once(mut self) -> Self {
        self.once = true;
        self
    }
}

impl TestProvider {
    /// Judges the token of a platform.
    pub(super) fn judge_federated(
        &mut self,
        credential: &FederatedCredential,
        token: &str,
    ) -> Result<(), String> {
        let trusted = [(credential.issuer.clone(), credential.key_set.clone())];
        let Some((_, claims)) = opened(token, &trusted) else {
            return Err("it is of another issuer, or none of its keys has signed it".into());
        };
        if claims["sub"] != credential.subject.as_str() {
            return Err("its subject is another".into());
        }
        let audience = &claims["aud"];
        let ours = |audience: &Value| *audience == credential.audience.as_str();
        if !ours(audience) && !audience.as_array().is_some_and(|all| all.iter().any(ours)) {
            return Err("its audience is another".into());
        }
        if claims["exp"].as_i64().is_none_or(|exp| self.audit.now().0 >= exp) {
            return Err("it has expired".into());
        }
        let first =
            claims["jti"].as_str().is_some_and(|id| self.audit.first_time("the token of a platform", id));
        if credential.once && !first { Err("it was used, or has no `jti`".into()) } else { Ok(()) }
    }
}
