//! Identities that the storage client does not take by itself: profiles of AWS's shared files, and roles to assume.
//!
//! AWS's own library reads the files and asks the token service, at the first request and shortly before what it
//! got expires.

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use aws_config::default_provider::credentials::DefaultCredentialsChain;
use aws_config::profile::ProfileFileCredentialsProvider;
use aws_config::provider_config::ProviderConfig;
use aws_config::sts::AssumeRoleProvider;
use aws_config::{BehaviorVersion, Region};
use aws_credential_types::Credentials;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use object_store::CredentialProvider;
use object_store::aws::AwsCredential;
use tokio::sync::Mutex;

/// Credentials that expire sooner are renewed.
const MARGIN: Duration = Duration::from_mins(5);

/// A role to assume.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Role {
    pub(crate) arn: String,
    pub(crate) external_id: Option<String>,
}

/// Who we are by AWS's own rules.
pub(crate) struct Identity {
    /// A profile of the shared files, or the keys of the URL; without both, what the environment and the machine say.
    pub(crate) base: Base,
    /// Who we become then.
    pub(crate) role: Option<Role>,
    /// Where the token service is asked.
    pub(crate) region: String,
    pub(crate) current: Mutex<Current>,
}

/// With whose credentials it begins.
pub(crate) enum Base {
    Profile(String),
    Keys(Credentials),
    Environment,
}

/// What is kept between requests.
#[derive(Default)]
pub(crate) struct Current {
    provider: Option<SharedCredentialsProvider>,
    credential: Option<(Arc<AwsCredential>, Option<SystemTime>)>,
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity").field("role", &self.role).finish_non_exhaustive()
    }
}

impl Identity {
    /// For messages.
    fn name(&self) -> String {
        match (&self.role, &self.base) {
            (Some(role), _) => format!("the role {} cannot be assumed", role.arn),
            (None, Base::Profile(name)) => format!("the profile `{name}` cannot be used"),
            (None, _) => "there are no credentials".to_owned(),
        }
    }

    async fn provider(&self) -> SharedCredentialsProvider {
        let base = match &self.base {
            Base::Profile(name) => {
                // A profile can name a role of its own.
                let config =
                    ProviderConfig::without_region().with_region(Some(Region::new(self.region.clone())));
                let builder = ProfileFileCredentialsProvider::builder().configure(&config);
                SharedCredentialsProvider::new(builder.profile_name(name).build())
            }
            Base::Keys(keys) => SharedCredentialsProvider::new(keys.clone()),
            Base::Environment => {
                SharedCredentialsProvider::new(DefaultCredentialsChain::builder().build().await)
            }
        };
        let Some(role) = &self.role else { return base };
        let config = aws_config::defaults(BehaviorVersion::latest()).region(Region::new(self.region.clone()));
        let mut builder = AssumeRoleProvider::builder(&role.arn)
            .session_name("thunderhead")
            .configure(&config.load().await);
        if let Some(id) = &role.external_id {
            builder = builder.external_id(id);
        }
        SharedCredentialsProvider::new(builder.build_from_provider(base).await)
    }
}

/// An error with what caused it.
fn reasons(error: &dyn Error) -> String {
    let causes = std::iter::successors(Some(error), |&error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

#[async_trait]
impl CredentialProvider for Identity {
    type Credential = AwsCredential;

    async fn get_credential(&self) -> object_store::Result<Arc<AwsCredential>> {
        let mut current = self.current.lock().await;
        if let Some((credential, expiry)) = &current.credential
            && expiry.is_none_or(|expiry| expiry.elapsed().is_err_and(|left| left.duration() > MARGIN))
        {
            return Ok(Arc::clone(credential));
        }
        let provider = match &current.provider {
            Some(provider) => provider.clone(),
            None => current.provider.insert(self.provider().await).clone(),
        };
        let got = match provider.provide_credentials().await {
            Ok(got) => got,
            Err(error) => {
                // It tells its reason once.
                current.provider = None;
                let source = format!("{}: {}", self.name(), reasons(&error)).into();
                return Err(object_store::Error::Generic { store: "S3", source });
            }
        };
        let credential = Arc::new(AwsCredential {
            key_id: got.access_key_id().to_owned(),
            secret_key: got.secret_access_key().to_owned(),
            token: got.session_token().map(str::to_owned),
        });
        current.credential = Some((Arc::clone(&credential), got.expiry()));
        Ok(credential)
    }
}
