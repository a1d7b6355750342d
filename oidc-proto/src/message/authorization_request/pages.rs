//! [`Prompt`] and [`Display`]: what the pages of the provider ask, and their form (OpenID Connect Core 1.0 section
//! 3.1.2.1).

/// What the provider should ask the user to do: a value of `prompt` (OpenID Connect Core 1.0 section 3.1.2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Prompt {
    /// Nothing. If the provider would have to ask, it returns an error. This value must stand alone.
    None,
    /// To log in again.
    Login,
    /// To consent again.
    Consent,
    /// To choose an account.
    SelectAccount,
    /// To create an account (Initiating User Registration 1.0).
    Create,
}

impl Prompt {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Login => "login",
            Self::Consent => "consent",
            Self::SelectAccount => "select_account",
            Self::Create => "create",
        }
    }
}

/// The form of the provider's pages: a value of `display` (OpenID Connect Core 1.0 section 3.1.2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Display {
    /// A full page.
    Page,
    /// A popup window.
    Popup,
    /// A page for devices with a touch screen.
    Touch,
    /// A page for feature phones.
    Wap,
}

impl Display {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Page => "page",
            Self::Popup => "popup",
            Self::Touch => "touch",
            Self::Wap => "wap",
        }
    }
}
