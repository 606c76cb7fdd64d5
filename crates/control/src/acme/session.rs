//! An account with an authority that is ready to be used: the one that is kept on disk, or a new one.
//! What is ordered with it is the business of `order`.

use std::io::ErrorKind;
use std::path::Path;

use instant_acme::{Account, AccountCredentials, NewAccount};
use maitred_proxy::AcmeAccount;

use super::client::AuthorityClient;
use super::failure::Failure;
use super::schedule::Trouble;
use super::state;

/// Takes the account that is kept, or makes one and keeps it before it is used.
pub(super) async fn open(wanted: &AcmeAccount, client: AuthorityClient) -> Result<Account, Failure> {
    let own = |error: std::io::Error| Failure::new(Trouble::Refused, error.to_string());
    state::prepare(&wanted.folder).map_err(own)?;
    let stored = match state::read_account(&wanted.folder) {
        Err(error) if error.kind() == ErrorKind::InvalidData => {
            tracing::warn!(directory = wanted.directory, "{error}; another account is made in its place");
            None
        }
        // One that cannot be read at the moment must not be replaced: its key would be lost.
        stored => stored.map_err(own)?,
    };
    let contacts: Vec<String> = wanted.emails.iter().map(|email| format!("mailto:{email}")).collect();
    let contacts: Vec<&str> = contacts.iter().map(String::as_str).collect();
    let builder = Account::builder_with_http(Box::new(client));
    let Some(stored) = stored else {
        let new =
            NewAccount { contact: &contacts, terms_of_service_agreed: true, only_return_existing: false };
        let (account, credentials) = builder.create(&new, wanted.directory.clone(), None).await?;
        keep(&wanted.folder, &credentials, &wanted.emails)?;
        tracing::info!(directory = wanted.directory, account = account.id(), "account made");
        return Ok(account);
    };
    let kept = serde_json::to_value(&stored.credentials);
    let account = builder.from_credentials(stored.credentials).await?;
    if stored.emails != wanted.emails {
        account.update_contacts(&contacts).await?;
        let kept = kept.map_err(|error| Failure::new(Trouble::Refused, error.to_string()))?;
        state::write_account(&wanted.folder, &kept, &wanted.emails).map_err(own)?;
    }
    Ok(account)
}

fn keep(folder: &Path, credentials: &AccountCredentials, emails: &[String]) -> Result<(), Failure> {
    let refused = |told: String| Failure::new(Trouble::Refused, told);
    let credentials = serde_json::to_value(credentials).map_err(|error| refused(error.to_string()))?;
    state::write_account(folder, &credentials, emails).map_err(|error| refused(error.to_string()))
}
