//! [`ServerChoice`]: which of several authorization servers of a resource is taken.

use crate::metadata::DiscoveryError;

/// Which of the authorization servers of a resource is taken (RFC 9728 section 7.6). Issuers are compared to the letter.
///
/// ```
/// use oidc_proto::flow::ServerChoice;
///
/// // The company's own server, wherever it is in the list of the resource; and no other.
/// let choice = ServerChoice::Allowed(vec!["https://login.example".to_owned()]);
/// # let _ = choice;
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum ServerChoice {
    /// The first that the resource lists.
    #[default]
    First,
    /// The only one that the resource lists. Several are refused.
    Only,
    /// The first that the resource lists among these. Any other is refused.
    Allowed(Vec<String>),
    /// The first of these that the resource lists. Any other is refused.
    Preferred(Vec<String>),
}

impl ServerChoice {
    /// Chooses among the issuers of a resource.
    pub(super) fn choose<'l>(&self, listed: &'l [String]) -> Result<&'l str, DiscoveryError> {
        let first = listed.first().ok_or(DiscoveryError::NoServer)?;
        let chosen = match self {
            Self::First => Some(first),
            Self::Only if listed.iter().any(|other| other != first) => {
                return Err(DiscoveryError::SeveralServers { found: listed.len() });
            }
            Self::Only => Some(first),
            Self::Allowed(issuers) => listed.iter().find(|listed| issuers.contains(listed)),
            Self::Preferred(issuers) => {
                issuers.iter().find_map(|issuer| listed.iter().find(|listed| *listed == issuer))
            }
        };
        chosen.map(String::as_str).ok_or(DiscoveryError::ServerNotAllowed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "https://a.example";
    const B: &str = "https://b.example";
    const C: &str = "https://c.example";

    fn list(issuers: &[&str]) -> Vec<String> {
        issuers.iter().map(|issuer| (*issuer).to_owned()).collect()
    }

    #[test]
    fn each_choice_takes_the_server_of_its_name() {
        let refused = Err(DiscoveryError::ServerNotAllowed);
        for (choice, listed, chosen) in [
            (ServerChoice::First, list(&[A, B]), Ok(A)),
            (ServerChoice::First, list(&[B, A]), Ok(B)),
            (ServerChoice::Only, list(&[B]), Ok(B)),
            (ServerChoice::Only, list(&[B, B]), Ok(B)),
            (ServerChoice::Only, list(&[A, B]), Err(DiscoveryError::SeveralServers { found: 2 })),
            (ServerChoice::Allowed(list(&[C, B])), list(&[A, B, C]), Ok(B)),
            (ServerChoice::Allowed(list(&[C, B])), list(&[A]), refused.clone()),
            (ServerChoice::Allowed(list(&[])), list(&[A]), refused.clone()),
            (ServerChoice::Preferred(list(&[C, B])), list(&[A, B, C]), Ok(C)),
            (ServerChoice::Preferred(list(&[C, B])), list(&[A, B]), Ok(B)),
            (ServerChoice::Preferred(list(&["https://a.example/"])), list(&[A]), refused),
        ] {
            assert_eq!(choice.choose(&listed), chosen, "{choice:?} of {listed:?}");
        }
        for choice in [ServerChoice::First, ServerChoice::Only, ServerChoice::Allowed(list(&[A]))] {
            assert_eq!(choice.choose(&[]), Err(DiscoveryError::NoServer));
        }
    }
}
