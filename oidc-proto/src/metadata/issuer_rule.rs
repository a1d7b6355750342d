//! [`IssuerRule`]: which issuers a token may name. For most providers exactly one; for a provider with
//! many tenants behind one document, a template that the token itself must fill in.
//!
//! OpenID Connect Core 1.0 section 3.1.3.7 wants `iss` to be the issuer, to the letter. A provider whose
//! metadata has `https://login.example/{tenantid}/v2.0` for its issuer leaves that to the client; here
//! it is a rule that is stated, and never guessed from the name of a host.

use crate::base::sentence::debug_is_sentence;
use crate::{backend::Fingerprint, base::json};

/// The longest name of a tenant, in characters.
const MAX_TENANT: usize = 128;

/// Which issuers a token may name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IssuerRule(Kind);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Kind {
    Exact(String),
    Template { template: String, prefix: String, suffix: String, member: String, allowed: AllowedTenants },
}

/// Which tenants are let in.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AllowedTenants {
    /// These, to the letter.
    List(Vec<String>),
    /// Whatever is a UUID in its usual form: 36 characters, in lower case. At a public provider this lets
    /// *everybody* in who has an account there; what a user may do is then for you to decide, by tenant.
    AnyUuid,
}

/// Why a template is none.
///
/// [`IssuerRule::template`] returns it.
#[derive(Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IssuerRuleError {
    /// There must be one place to fill in, and it must be a whole segment of the path: who fills in a part
    /// of a host, or of a segment, chooses more than a tenant.
    #[error("the issuer template must have exactly one `{{name}}`, and as a whole segment of its path")]
    Placeholder,
    /// The claim that names the tenant has no name.
    #[error("the issuer template comes without the name of the claim that names the tenant")]
    Member,
}

debug_is_sentence!(IssuerRuleError);

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
    /// This issuer, to the letter.
    #[must_use]
    pub fn exact(issuer: impl Into<String>) -> Self {
        Self(Kind::Exact(issuer.into()))
    }

    /// Every issuer that the template makes with an allowed tenant in its place. `member` is the claim in
    /// which the token itself names its tenant; the two must agree.
    ///
    /// # Errors
    /// [`IssuerRuleError`] if the template has not exactly one `{name}` as a segment of its path.
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
        Ok(Self(Kind::Template { template, prefix, suffix, member, allowed }))
    }

    /// The tenants of Microsoft Entra ID, in its public cloud, with tokens of version 2.0. For other
    /// clouds, and for tokens of version 1.0, write the [`template`](Self::template) down.
    #[must_use]
    pub fn entra(allowed: AllowedTenants) -> Self {
        let (prefix, suffix) = ("https://login.microsoftonline.com/".to_owned(), "/v2.0".to_owned());
        let template = format!("{prefix}{{tenantid}}{suffix}");
        Self(Kind::Template { template, prefix, suffix, member: "tid".to_owned(), allowed })
    }

    /// The issuer, or the template: what the provider's metadata has for its issuer.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match &self.0 {
            Kind::Exact(issuer) => issuer,
            Kind::Template { template, .. } => template,
        }
    }

    /// The template, if it is one.
    #[must_use]
    pub fn as_template(&self) -> Option<&str> {
        match &self.0 {
            Kind::Exact(_) => None,
            Kind::Template { template, .. } => Some(template),
        }
    }

    /// Whether a token could name this issuer. Whether one may, its own claims say, too.
    #[must_use]
    pub fn admits(&self, issuer: &str) -> bool {
        match &self.0 {
            Kind::Exact(exact) => exact == issuer,
            Kind::Template { allowed, .. } => {
                self.tenant(issuer).is_some_and(|tenant| allowed.contains(tenant))
            }
        }
    }

    fn tenant<'i>(&self, issuer: &'i str) -> Option<&'i str> {
        match &self.0 {
            Kind::Exact(_) => None,
            Kind::Template { prefix, suffix, .. } => {
                issuer.strip_prefix(prefix.as_str())?.strip_suffix(suffix.as_str())
            }
        }
    }

    /// Whether there is an issuer that both rules, if they are templates, admit.
    pub(crate) fn overlaps(&self, other: &Self) -> bool {
        let both = |issuer: &str| self.admits(issuer) && other.admits(issuer);
        self.examples(other).any(|issuer| both(&issuer)) || other.examples(self).any(|issuer| both(&issuer))
    }

    /// Issuers that this template admits: if any is admitted by the other one as well, one of these is.
    fn examples<'r>(&'r self, other: &'r Self) -> impl Iterator<Item = String> + 'r {
        let (Kind::Template { prefix, suffix, allowed, .. }, Kind::Template { prefix: theirs, .. }) =
            (&self.0, &other.0)
        else {
            return Vec::new().into_iter();
        };
        let made = |tenant: &str| format!("{prefix}{tenant}{suffix}");
        let examples = match allowed {
            AllowedTenants::List(tenants) => tenants.iter().map(|tenant| made(tenant)).collect(),
            AllowedTenants::AnyUuid => {
                // Two templates that are alike admit the same UUIDs. Of one that goes on where this one has its
                // tenant, that segment is the only tenant that could be meant.
                let segment = theirs.strip_prefix(prefix.as_str()).and_then(|rest| rest.split('/').next());
                let any = "00000000-0000-0000-0000-000000000000";
                [Some(any), segment].into_iter().flatten().map(made).collect::<Vec<_>>()
            }
        };
        examples.into_iter()
    }

    /// Whether a response with these members may name this issuer.
    pub(crate) fn fits_members(&self, iss: &str, members: &json::Extra) -> bool {
        match &self.0 {
            Kind::Exact(exact) => exact == iss,
            Kind::Template { member, .. } => {
                let tenant = members.get(member).and_then(serde_json::Value::as_str);
                self.admits(iss) && tenant.is_some() && tenant == self.tenant(iss)
            }
        }
    }

    /// Whether a token with these claims may name this issuer. Allocates nothing.
    pub(crate) fn fits(&self, iss: &str, claims: &[u8]) -> bool {
        match &self.0 {
            Kind::Exact(exact) => exact == iss,
            Kind::Template { member, .. } => {
                self.admits(iss) && json::string_member(claims, member).as_deref() == self.tenant(iss)
            }
        }
    }

    /// The rule as a part of a fingerprint: no two rules look alike.
    pub(crate) fn feed(&self, hash: &mut Fingerprint) {
        match &self.0 {
            Kind::Exact(issuer) => {
                hash.text(Some("exact")).text(Some(issuer));
            }
            Kind::Template { template, prefix: _, suffix: _, member, allowed } => {
                hash.text(Some("template")).text(Some(template)).text(Some(member));
                match allowed {
                    AllowedTenants::AnyUuid => {
                        hash.text(Some("uuid"));
                    }
                    AllowedTenants::List(tenants) => {
                        hash.text(Some("list")).count(tenants.len());
                        for tenant in tenants {
                            hash.text(Some(tenant));
                        }
                    }
                }
            }
        }
    }

    /// Whether a key that says whose it is (`issuer` in a key set that many tenants share) may vouch for a
    /// token of this issuer.
    pub(crate) fn trusts_key(&self, key_issuer: Option<&str>, iss: &str) -> bool {
        match &self.0 {
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
    fn a_tenant_fills_in_one_segment_of_the_path_and_nothing_else() {
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
        assert!(!any.admits("https://login.example/{tenantid}/v2.0"), "the template is no issuer of a token");
        assert!(!any.admits(&format!("https://evil.example/{TENANT}/v2.0")));
        let few = rule(AllowedTenants::List(vec!["acme".into(), "a/b".into()]));
        assert!(few.admits(&issuer("acme")) && !few.admits(&issuer("Acme")) && !few.admits(&issuer(TENANT)));
        assert!(!few.admits(&issuer("a/b")), "what is no tenant's name is none, on the list or not");
    }

    #[test]
    fn the_token_must_name_the_tenant_that_its_issuer_names() {
        let any = rule(AllowedTenants::AnyUuid);
        let iss = format!("https://login.example/{TENANT}/v2.0");
        let fits = |claims: &str| any.fits(&iss, claims.as_bytes());
        assert!(fits(&format!(r#"{{"tid":"{TENANT}"}}"#)));
        assert!(fits(&format!(r#"{{"x":{{"tid":"y"}},"t\u0069d":"{TENANT}"}}"#)), "however it is spelt");
        for claims in
            ["{}", r#"{"tid":null}"#, r#"{"tid":7}"#, r#"{"tid":"x"}"#, "[]", "", r#"{"tid":["x"]}"#]
        {
            assert!(!fits(claims), "{claims}");
        }
        assert!(!fits(&format!(r#"{{"tid":"{}"}}"#, TENANT.replace('1', "9"))));
        assert!(!fits(&format!(r#"{{"x":{{"tid":"{TENANT}"}}}}"#)), "a member of a member is another");
    }

    #[test]
    fn a_key_of_one_tenant_vouches_for_no_other() {
        let any = rule(AllowedTenants::AnyUuid);
        let iss = format!("https://login.example/{TENANT}/v2.0");
        assert!(any.trusts_key(None, &iss) && any.trusts_key(Some(&iss), &iss));
        assert!(any.trusts_key(Some("https://login.example/{tenantid}/v2.0"), &iss));
        assert!(!any.trusts_key(Some("https://login.example/other/v2.0"), &iss));
        assert!(IssuerRule::exact("a").trusts_key(Some("b"), "a"), "only where tenants share keys");
    }
}
