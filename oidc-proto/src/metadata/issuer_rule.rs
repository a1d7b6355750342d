//! [`IssuerRule`]: the issuers that a token may name. Most providers have exactly one. A provider that serves many
//! tenants with one document has a template, and each token fills it in with its own tenant. A few have a second name.
//!
//! OpenID Connect Core 1.0 section 3.1.3.7 wants `iss` to equal the issuer to the letter. That is impossible if the
//! metadata has `https://login.example/{tenantid}/v2.0` for its issuer. The application states the rule for such a
//! provider; it is never guessed from the name of a host.

use crate::base::json;
use crate::base::sentence::{Remedy, debug_is_sentence};

/// The longest name of a tenant, in bytes. It is no setting: tenants are UUIDs and short names.
const MAX_TENANT: usize = 128;

/// The issuers that a token may name: exactly one, or one for each allowed tenant, and further names.
///
/// ```
/// use oidc_proto::metadata::{AllowedTenants, IssuerRule};
///
/// let tenants = AllowedTenants::List(vec!["acme".to_owned(), "globex".to_owned()]);
/// // The claim `tid` of each token names its tenant, and must agree with its issuer.
/// let rule = IssuerRule::template("https://login.example/{tenantid}/v2.0", "tid", tenants)?;
/// assert!(rule.admits("https://login.example/acme/v2.0"));
/// assert!(!rule.admits("https://login.example/initech/v2.0"));
///
/// assert!(IssuerRule::exact("https://op.example").admits("https://op.example"));
/// # Ok::<(), oidc_proto::metadata::IssuerRuleError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IssuerRule {
    kind: Kind,
    /// Further names, each compared to the letter.
    others: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Kind {
    Exact(String),
    Template { template: String, prefix: String, suffix: String, member: String, allowed: AllowedTenants },
}

/// The tenants whose tokens are accepted.
///
/// The name of a tenant has 1 to 128 characters, each a letter or digit of ASCII or one of `-._~`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AllowedTenants {
    /// The tenants with these names, compared to the letter.
    List(Vec<String>),
    /// Every tenant whose name is a UUID in its usual form: 36 characters, in lower case. At a public provider this
    /// accepts *every* user with an account there. Your application must decide what the users of a tenant may do.
    ///
    /// # Danger
    /// It takes a check away: everybody with an account at the provider is let in. See [`danger`](crate::danger).
    AnyUuid,
}

/// Why an issuer template is refused.
///
/// [`IssuerRule::template`] returns it.
#[derive(Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IssuerRuleError {
    /// The template must have exactly one placeholder, and it must be a whole segment of the path. A token that
    /// filled in a part of a host, or a part of a segment, would choose more than a tenant.
    #[error("the issuer template must have exactly one `{{name}}`, and as a whole segment of its path")]
    Placeholder,
    /// The name of the claim that names the tenant is empty.
    #[error("the issuer template comes without the name of the claim that names the tenant")]
    Member,
}

debug_is_sentence!(IssuerRuleError);

impl IssuerRuleError {
    /// Returns a short, stable name of the error, for logs and metrics.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Placeholder => "issuer_rule_placeholder",
            Self::Member => "issuer_rule_member",
        }
    }

    /// Returns [`FixConfiguration`](Remedy::FixConfiguration).
    #[must_use]
    pub const fn remedy(&self) -> Remedy {
        Remedy::FixConfiguration
    }
}

impl AllowedTenants {
    fn contains(&self, tenant: &str) -> bool {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
        let well_formed = (1..=MAX_TENANT).contains(&tenant.len()) && tenant.bytes().all(plain);
        well_formed
            && match self {
                Self::List(known) => known.iter().any(|known| known == tenant),
                Self::AnyUuid => is_uuid(tenant),
            }
    }
}

fn is_uuid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => matches!(byte, b'0'..=b'9' | b'a'..=b'f'),
        })
}

impl IssuerRule {
    /// Creates a rule that admits this issuer alone, compared to the letter.
    #[must_use]
    pub fn exact(issuer: impl Into<String>) -> Self {
        Self::of(Kind::Exact(issuer.into()))
    }

    const fn of(kind: Kind) -> Self {
        Self { kind, others: Vec::new() }
    }

    /// Also admits this issuer, compared to the letter. It need not be a URL. A second call admits one more.
    ///
    /// For a provider that has another name in some of its tokens than in its metadata. Google documents that the issuer
    /// of an ID token is `https://accounts.google.com` or `accounts.google.com`. The keys stay those of the metadata, so
    /// such a name admits nothing that the provider has not signed.
    ///
    /// [`IdToken::iss`](crate::token::IdToken::iss) has the name in the token. A program that stores users by issuer and
    /// subject must take both names for one issuer.
    ///
    /// ```
    /// use oidc_proto::metadata::IssuerRule;
    ///
    /// let google = IssuerRule::exact("https://accounts.google.com").or_exact("accounts.google.com");
    /// assert!(google.admits("accounts.google.com") && google.admits("https://accounts.google.com"));
    /// assert!(!google.admits("http://accounts.google.com"));
    /// ```
    #[must_use]
    pub fn or_exact(mut self, issuer: impl Into<String>) -> Self {
        let issuer = issuer.into();
        if !self.names().any(|known| known == issuer) {
            self.others.push(issuer);
        }
        self
    }

    /// Returns the issuer or the template, and the further names.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        std::iter::once(self.as_str()).chain(self.others())
    }

    /// Returns the further names.
    pub(crate) fn others(&self) -> impl Iterator<Item = &str> {
        self.others.iter().map(String::as_str)
    }

    /// Creates a rule that admits every issuer made of the template and an allowed tenant.
    ///
    /// `member` is the claim in which a token names its tenant. It must agree with the tenant in the issuer of the
    /// token.
    ///
    /// # Errors
    /// [`IssuerRuleError`] if the template does not have exactly one `{name}` as a segment of its path, or if
    /// `member` is empty.
    pub fn template(
        template: impl Into<String>,
        member: impl Into<String>,
        allowed: AllowedTenants,
    ) -> Result<Self, IssuerRuleError> {
        let (template, member) = (template.into(), member.into());
        if member.is_empty() {
            return Err(IssuerRuleError::Member);
        }
        let (before, rest) = template.split_once('{').ok_or(IssuerRuleError::Placeholder)?;
        let (name, after) = rest.split_once('}').ok_or(IssuerRuleError::Placeholder)?;
        let in_path = before.split_once("://").is_some_and(|(_, place)| place.contains('/'));
        let segment = before.ends_with('/') && (after.is_empty() || after.starts_with('/'));
        if !in_path || !segment || name.is_empty() || [name, after].iter().any(|s| s.contains(['{', '}'])) {
            return Err(IssuerRuleError::Placeholder);
        }
        let (prefix, suffix) = (before.to_owned(), after.to_owned());
        Ok(Self::of(Kind::Template { template, prefix, suffix, member, allowed }))
    }

    /// Creates the rule for tenants of Microsoft Entra ID, in its public cloud, with tokens of version 2.0.
    ///
    /// For other clouds, and for tokens of version 1.0, use [`template`](Self::template).
    #[must_use]
    pub fn entra(allowed: AllowedTenants) -> Self {
        let (prefix, suffix) = ("https://login.microsoftonline.com/".to_owned(), "/v2.0".to_owned());
        let template = format!("{prefix}{{tenantid}}{suffix}");
        Self::of(Kind::Template { template, prefix, suffix, member: "tid".to_owned(), allowed })
    }

    /// Returns the issuer or the template: the value of `issuer` in the provider's metadata.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match &self.kind {
            Kind::Exact(issuer) => issuer,
            Kind::Template { template, .. } => template,
        }
    }

    /// Returns the template, if the rule has one.
    #[must_use]
    pub fn as_template(&self) -> Option<&str> {
        match &self.kind {
            Kind::Exact(_) => None,
            Kind::Template { template, .. } => Some(template),
        }
    }

    /// Whether a token may name this issuer. With a template, the tenant in the token's own claims must agree, too.
    #[must_use]
    pub fn admits(&self, issuer: &str) -> bool {
        self.others().any(|other| other == issuer) || self.admits_by_kind(issuer)
    }

    fn admits_by_kind(&self, issuer: &str) -> bool {
        match &self.kind {
            Kind::Exact(exact) => exact == issuer,
            Kind::Template { allowed, .. } => {
                self.tenant(issuer).is_some_and(|tenant| allowed.contains(tenant))
            }
        }
    }

    fn tenant<'i>(&self, issuer: &'i str) -> Option<&'i str> {
        match &self.kind {
            Kind::Exact(_) => None,
            Kind::Template { prefix, suffix, .. } => {
                issuer.strip_prefix(prefix.as_str())?.strip_suffix(suffix.as_str())
            }
        }
    }

    /// Whether both rules are templates and there is an issuer that both admit.
    pub(crate) fn overlaps(&self, other: &Self) -> bool {
        let both = |issuer: &str| self.admits(issuer) && other.admits(issuer);
        self.examples(other).any(|issuer| both(&issuer)) || other.examples(self).any(|issuer| both(&issuer))
    }

    /// Returns issuers that this template admits. If both templates admit a common issuer, at least one of these is
    /// such an issuer.
    fn examples<'r>(&'r self, other: &'r Self) -> impl Iterator<Item = String> + 'r {
        let (Kind::Template { prefix, suffix, allowed, .. }, Kind::Template { prefix: theirs, .. }) =
            (&self.kind, &other.kind)
        else {
            return Vec::new().into_iter();
        };
        let made = |tenant: &str| format!("{prefix}{tenant}{suffix}");
        let examples = match allowed {
            AllowedTenants::List(tenants) => tenants.iter().map(|tenant| made(tenant)).collect(),
            AllowedTenants::AnyUuid => {
                // Two templates of one form admit the same UUIDs. If the other template has a fixed segment where
                // this one has its tenant, that segment is the only possible tenant.
                let segment = theirs.strip_prefix(prefix.as_str()).and_then(|rest| rest.split('/').next());
                let any = "00000000-0000-0000-0000-000000000000";
                [Some(any), segment].into_iter().flatten().map(made).collect::<Vec<_>>()
            }
        };
        examples.into_iter()
    }

    /// Whether an introspection response with these members may name this issuer.
    pub(crate) fn fits_members(&self, iss: &str, members: &json::Extra) -> bool {
        if self.others().any(|other| other == iss) {
            return true;
        }
        match &self.kind {
            Kind::Exact(exact) => exact == iss,
            Kind::Template { member, .. } => {
                let tenant = members.get(member).and_then(serde_json::Value::as_str);
                self.admits(iss) && tenant.is_some() && tenant == self.tenant(iss)
            }
        }
    }

    /// Whether a token with these claims may name this issuer. Does not allocate.
    pub(crate) fn fits(&self, iss: &str, claims: &[u8]) -> bool {
        if self.others().any(|other| other == iss) {
            return true;
        }
        match &self.kind {
            Kind::Exact(exact) => exact == iss,
            Kind::Template { member, .. } => {
                self.admits(iss) && json::string_member(claims, member).as_deref() == self.tenant(iss)
            }
        }
    }

    /// Whether a key may verify tokens of this issuer. In a key set that many tenants share, the member `issuer` of a
    /// key names its tenant.
    pub(crate) fn trusts_key(&self, key_issuer: Option<&str>, iss: &str) -> bool {
        match &self.kind {
            Kind::Exact(_) => true,
            Kind::Template { template, .. } => key_issuer.is_none_or(|of| of == template || of == iss),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TENANT: &str = "11111111-2222-4333-8444-5555aaaabbbb";

    fn rule(allowed: AllowedTenants) -> IssuerRule {
        IssuerRule::template("https://login.example/{tenantid}/v2.0", "tid", allowed).unwrap()
    }

    #[test]
    fn rules_overlap_if_one_issuer_is_admitted_by_both() {
        let (one, two) = ("11111111-2222-4333-8444-5555aaaabbbb", "99999999-2222-4333-8444-5555aaaabbbb");
        let template = |template: &str, allowed| IssuerRule::template(template, "tid", allowed).unwrap();
        let any = |text: &str| template(text, AllowedTenants::AnyUuid);
        let list = |text: &str, tenants: &[&str]| {
            template(text, AllowedTenants::List(tenants.iter().map(|&tenant| tenant.to_owned()).collect()))
        };
        for (first, second, overlap) in [
            (any("https://a.example/{t}"), any("https://a.example/{tenant}"), true),
            (any("https://a.example/{t}"), any("https://b.example/{t}"), false),
            (any("https://a.example/{t}/v1"), any("https://a.example/{t}/v2"), false),
            (any("https://a.example/{t}"), any("https://a.example/{t}/v2"), false),
            (any("https://a.example/{t}"), list("https://a.example/{t}", &["x", one]), true),
            (any("https://a.example/{t}"), list("https://a.example/{t}", &["x", "y"]), false),
            (list("https://a.example/{t}", &[one]), list("https://a.example/{t}", &[two]), false),
            (list("https://a.example/{t}", &[two, one]), list("https://a.example/{t}", &[one]), true),
            (list("https://a.example/x/{t}", &["y"]), list("https://a.example/{t}/y", &["x"]), true),
            (list("https://a.example/x/{t}", &["y"]), list("https://a.example/{t}/y", &["z"]), false),
            (
                any(&format!("https://a.example/{one}/{{t}}")),
                any(&format!("https://a.example/{{t}}/{two}")),
                true,
            ),
            (any(&format!("https://a.example/{one}/{{t}}")), any("https://a.example/{t}/x"), false),
            (IssuerRule::exact("https://a.example/x"), any("https://a.example/{t}"), false),
        ] {
            assert_eq!(first.overlaps(&second), overlap, "{first:?} {second:?}");
            assert_eq!(second.overlaps(&first), overlap, "{second:?} {first:?}");
        }
    }

    #[test]
    fn a_placeholder_is_one_whole_segment_of_the_path() {
        for bad in [
            "https://login.example/v2.0",
            "https://{tenantid}.example/v2.0",
            "https://{tenantid}/v2.0",
            "{tenantid}",
            "https://login.example/x{tenantid}/v2.0",
            "https://login.example/{tenantid}x",
            "https://login.example/{a}/{b}",
            "https://login.example/{}/v2.0",
            "https://login.example/{a",
            "https://login.example/{a{b}}",
        ] {
            let refused = IssuerRule::template(bad, "tid", AllowedTenants::AnyUuid);
            assert_eq!(refused, Err(IssuerRuleError::Placeholder), "{bad}");
        }
        let nameless = IssuerRule::template("https://login.example/{t}", "", AllowedTenants::AnyUuid);
        assert_eq!(nameless, Err(IssuerRuleError::Member));
        let written = IssuerRule::template(
            "https://login.microsoftonline.com/{tenantid}/v2.0",
            "tid",
            AllowedTenants::AnyUuid,
        );
        assert_eq!(IssuerRule::entra(AllowedTenants::AnyUuid), written.unwrap(), "the preset is a template");
    }

    #[test]
    fn a_further_name_is_admitted_to_the_letter_and_changes_nothing_else() {
        let exact = IssuerRule::exact("https://accounts.google.com");
        let tenants = rule(AllowedTenants::AnyUuid);
        for (rule, own) in
            [(exact, "https://accounts.google.com"), (tenants, "https://login.example/{tenantid}/v2.0")]
        {
            for name in ["accounts.google.com", "urn:example:issuer", "Example IdP"] {
                let more = rule.clone().or_exact(name);
                assert!(!rule.admits(name) && !rule.fits(name, b"{}"));
                assert!(
                    more.admits(name)
                        && more.fits(name, b"{}")
                        && more.fits_members(name, &json::Extra::new())
                );
                for bad in
                    ["", &format!("{name}/"), &format!("ftp://{name}"), &name.to_uppercase(), "{tenantid}"]
                {
                    assert!(!more.admits(bad) && !more.fits(bad, b"{}"), "{bad}");
                }
                assert_eq!((more.as_str(), more.as_template()), (own, rule.as_template()));
                assert_eq!(more.clone().or_exact(name), more, "a name counts once");
                assert_eq!(more.names().collect::<Vec<_>>(), [own, name]);
            }
        }
    }

    #[test]
    fn only_allowed_tenants_are_admitted() {
        let issuer = |tenant: &str| format!("https://login.example/{tenant}/v2.0");
        let any = rule(AllowedTenants::AnyUuid);
        assert!(any.admits(&issuer(TENANT)));
        for bad in [
            "",
            "common",
            "{tenantid}",
            &TENANT.to_uppercase(),
            &TENANT.replace('-', "0"),
            &format!("{TENANT}/x"),
            &TENANT.replace('1', "g"),
        ] {
            assert!(!any.admits(&issuer(bad)), "{bad}");
        }
        assert!(
            !any.admits("https://login.example/{tenantid}/v2.0"),
            "the template itself is not the issuer of a token"
        );
        assert!(!any.admits(&format!("https://evil.example/{TENANT}/v2.0")));
        let few = rule(AllowedTenants::List(vec!["acme".into(), "a/b".into()]));
        assert!(few.admits(&issuer("acme")) && !few.admits(&issuer("Acme")) && !few.admits(&issuer(TENANT)));
        assert!(!few.admits(&issuer("a/b")), "an invalid name is refused even if it is listed");
    }

    #[test]
    fn the_token_must_name_the_tenant_that_its_issuer_names() {
        let any = rule(AllowedTenants::AnyUuid);
        let iss = format!("https://login.example/{TENANT}/v2.0");
        let fits = |claims: &str| any.fits(&iss, claims.as_bytes());
        assert!(fits(&format!(r#"{{"tid":"{TENANT}"}}"#)));
        assert!(fits(&format!(r#"{{"x":{{"tid":"y"}},"t\u0069d":"{TENANT}"}}"#)), "an escaped name counts");
        for claims in
            ["{}", r#"{"tid":null}"#, r#"{"tid":7}"#, r#"{"tid":"x"}"#, "[]", "", r#"{"tid":["x"]}"#]
        {
            assert!(!fits(claims), "{claims}");
        }
        assert!(!fits(&format!(r#"{{"tid":"{}"}}"#, TENANT.replace('1', "9"))));
        assert!(!fits(&format!(r#"{{"x":{{"tid":"{TENANT}"}}}}"#)), "a nested member does not count");
    }

    #[test]
    fn a_key_of_one_tenant_verifies_no_tokens_of_another() {
        let any = rule(AllowedTenants::AnyUuid);
        let iss = format!("https://login.example/{TENANT}/v2.0");
        assert!(any.trusts_key(None, &iss) && any.trusts_key(Some(&iss), &iss));
        assert!(any.trusts_key(Some("https://login.example/{tenantid}/v2.0"), &iss));
        assert!(!any.trusts_key(Some("https://login.example/other/v2.0"), &iss));
        assert!(
            IssuerRule::exact("a").trusts_key(Some("b"), "a"),
            "an exact issuer ignores the issuer of a key"
        );
    }
}
