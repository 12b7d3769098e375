//! Opens a [`Location`]: builds the client of the service it names.
//!
//! Credentials: what the URL gives wins; else the service's environment variables; else the machine's
//! identity (instance profile, web identity, container role). An `http://` endpoint without any
//! credentials is an emulator, which gets dummy ones rather than a long wait for a metadata service.

use std::sync::Arc;
use std::time::Duration;

use aws_credential_types::Credentials;
use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::azure::{AzureConfigKey, MicrosoftAzureBuilder};
use object_store::gcp::GoogleCloudStorageBuilder;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{BackoffConfig, ClientOptions, ObjectStore, RetryConfig};
use tokio::sync::Mutex;

use crate::aws::{Base, Identity, Role};
use crate::error::{LocationError, StorageFailure};
use crate::location::{Location, Service};
use crate::store::Store;

/// Time for one HTTP request including its body; parts are a few MiB.
const REQUEST_TIMEOUT: Duration = Duration::from_mins(1);
/// Time to open a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Time over all attempts of one request.
const RETRY_TIMEOUT: Duration = Duration::from_mins(3);
/// Repetitions of a request. Each wait is drawn from up to three times the last one, so together they ride out an outage of
/// about half a minute; the client's own defaults give up after two or three seconds.
const RETRIES: usize = 12;

impl Location {
    /// Opens the location for reading; a local folder must exist.
    ///
    /// No request is sent: a wrong bucket or missing permission shows at the first use.
    pub fn open(&self) -> Result<Store, LocationError> {
        if self.service == Service::Local && !self.folder.is_dir() {
            let problem = if self.folder.exists() { "it is not a folder" } else { "there is no such folder" };
            return Err(LocationError::Local { location: self.display_base(), problem: problem.to_owned() });
        }
        self.open_client()
    }

    /// Opens the location for writing; a local folder is created when it is missing.
    pub fn open_or_create(&self) -> Result<Store, LocationError> {
        if self.service == Service::Local {
            std::fs::create_dir_all(&self.folder).map_err(|e| LocationError::Local {
                location: self.display_base(),
                problem: e.to_string(),
            })?;
        }
        self.open_client()
    }

    fn open_client(&self) -> Result<Store, LocationError> {
        let object_store: Arc<dyn ObjectStore> = match self.service {
            Service::Local => {
                Arc::new(LocalFileSystem::new_with_prefix(&self.folder).map_err(|e| self.failed(&e))?)
            }
            Service::S3 => Arc::new(self.s3()?.build().map_err(|e| self.failed(&e))?),
            Service::Gcs => Arc::new(self.gcs()?.build().map_err(|e| self.failed(&e))?),
            Service::Azure => Arc::new(self.azure()?.build().map_err(|e| self.failed(&e))?),
        };
        let prefix = Path::parse(&self.prefix)
            .map_err(|e| LocationError::Path { location: self.display_base(), problem: e.to_string() })?;
        // Directory buckets of S3 list in no order, Azure's namespaces with directories in one of their own.
        let begins_anywhere =
            matches!(self.service, Service::S3 | Service::Gcs) && !self.bucket.ends_with("--x-s3");
        Ok(Store { object_store, prefix, display_base: self.display_base(), begins_anywhere })
    }

    fn failed(&self, error: &object_store::Error) -> LocationError {
        LocationError::Client { location: self.to_string(), failure: StorageFailure::new(error) }
    }

    fn s3(&self) -> Result<AmazonS3Builder, LocationError> {
        let mut builder = AmazonS3Builder::from_env().with_bucket_name(&self.bucket).with_retry(retry());
        if let Some(region) = self.parameter("region") {
            builder = builder.with_region(region);
        }
        if let (Some(key), Some(secret)) = (self.parameter("access-key"), self.parameter("secret-access-key"))
        {
            builder = builder.with_access_key_id(key).with_secret_access_key(secret);
            if let Some(token) = self.parameter("session-token") {
                builder = builder.with_token(token);
            }
        }
        let by_token = builder.get_config_value(&AmazonS3ConfigKey::WebIdentityTokenFile).is_some();
        let identity = if by_token { None } else { self.identity(&builder) };
        let has_own_identity = identity.is_some();
        if let Some(identity) = identity {
            builder = builder.with_credentials(Arc::new(identity));
        } else if let Some(role) = self.parameter("role-arn") {
            builder = builder.with_config(AmazonS3ConfigKey::RoleArn, role);
        }
        let endpoint = self
            .parameter("endpoint")
            .map(str::to_owned)
            .or_else(|| builder.get_config_value(&AmazonS3ConfigKey::S3Endpoint))
            .or_else(|| builder.get_config_value(&AmazonS3ConfigKey::Endpoint));
        let accelerate = self.flag("use-accelerate-endpoint")? == Some(true);
        let virtual_hosted = self.virtual_hosted(endpoint.as_deref(), accelerate)?;
        let with_bucket = match (&endpoint, accelerate) {
            (_, true) => Some(format!("https://{}.s3-accelerate.amazonaws.com", self.bucket)),
            // The client expects the bucket in the host of a virtual-hosted endpoint.
            (Some(endpoint), false) if virtual_hosted => Some(with_bucket_in_host(endpoint, &self.bucket)),
            (Some(endpoint), false) => Some(endpoint.clone()),
            (None, false) => None,
        };
        if let Some(with_bucket) = with_bucket {
            builder = builder.with_endpoint(with_bucket.trim_end_matches('/'));
        }
        builder = builder.with_virtual_hosted_style_request(virtual_hosted);
        match (self.parameter("sse"), self.parameter("sse-kms-key-id")) {
            (Some("aws:kms"), Some(key)) => builder = builder.with_sse_kms_encryption(key),
            (Some(sse), _) => {
                let key = "aws_server_side_encryption".parse().map_err(|e| self.failed(&e))?;
                builder = builder.with_config(key, sse);
            }
            (None, _) => {}
        }
        let has_identity = [
            AmazonS3ConfigKey::AccessKeyId,
            AmazonS3ConfigKey::WebIdentityTokenFile,
            AmazonS3ConfigKey::ContainerCredentialsRelativeUri,
            AmazonS3ConfigKey::ContainerCredentialsFullUri,
        ]
        .iter()
        .any(|key| builder.get_config_value(key).is_some());
        if self.flag("skip-signature")? == Some(true) {
            builder = builder.with_skip_signature(true);
        } else if !has_identity
            && !has_own_identity
            && endpoint.as_deref().is_some_and(|e| e.starts_with("http://"))
        {
            builder = builder.with_access_key_id("test").with_secret_access_key("test");
        }
        Ok(builder.with_client_options(client_options(endpoint.as_deref())))
    }

    /// A profile or a role that the URL names. (With a token file, the storage client assumes the role by itself.)
    fn identity(&self, builder: &AmazonS3Builder) -> Option<Identity> {
        let parameter = |key| self.parameter(key).map(str::to_owned);
        let (profile, arn) = (parameter("profile"), parameter("role-arn"));
        if profile.is_none() && arn.is_none() {
            return None;
        }
        let keys = parameter("access-key").zip(parameter("secret-access-key"));
        let base = match (profile, keys) {
            (Some(profile), _) => Base::Profile(profile),
            (None, Some((key, secret))) => {
                Base::Keys(Credentials::new(key, secret, parameter("session-token"), None, "url"))
            }
            (None, None) => Base::Environment,
        };
        let role = arn.map(|arn| Role { arn, external_id: parameter("external-id") });
        let region = builder.get_config_value(&AmazonS3ConfigKey::Region);
        let region = region.unwrap_or_else(|| "us-east-1".to_owned());
        Some(Identity { base, role, region, current: Mutex::default() })
    }

    /// Path style is Lightning's default, but not on the clouds that have given it up.
    fn virtual_hosted(&self, endpoint: Option<&str>, accelerate: bool) -> Result<bool, LocationError> {
        if endpoint.is_some_and(is_address) {
            return Ok(false);
        }
        if accelerate || matches!(self.parameter("provider"), Some("alibaba" | "netease" | "tencent")) {
            return Ok(true);
        }
        if let Some(path_style) = self.flag("force-path-style")? {
            return Ok(!path_style);
        }
        let aws = self.parameter("provider") == Some("aws")
            || self.parameter("role-arn").is_some()
            || endpoint.is_some_and(|e| e.contains(".amazonaws.com"));
        // A dot in the bucket's name breaks the certificate of the virtual host.
        Ok(aws && !self.bucket.contains('.'))
    }

    fn gcs(&self) -> Result<GoogleCloudStorageBuilder, LocationError> {
        let mut builder = GoogleCloudStorageBuilder::from_env()
            .with_bucket_name(&self.bucket)
            .with_retry(retry())
            .with_client_options(client_options(self.parameter("endpoint")));
        if let Some(file) = self.parameter("credentials-file") {
            builder = builder.with_service_account_path(file);
        }
        let mut unsigned = self.flag("skip-signature")?;
        if let Some(endpoint) = self.parameter("endpoint") {
            builder = builder.with_base_url(endpoint.trim_end_matches('/'));
            if endpoint.starts_with("http://") && self.parameter("credentials-file").is_none() {
                unsigned = unsigned.or(Some(true));
            }
        }
        if unsigned == Some(true) {
            // Writes ask for a token all the same, which nobody may be there to give.
            builder = builder.with_skip_signature(true).with_bearer_token("");
        }
        Ok(builder)
    }

    fn azure(&self) -> Result<MicrosoftAzureBuilder, LocationError> {
        let mut builder = MicrosoftAzureBuilder::from_env()
            .with_container_name(&self.bucket)
            .with_retry(retry())
            .with_client_options(client_options(self.parameter("endpoint")));
        if let Some(account) = self.parameter("account-name") {
            builder = builder.with_account(account);
        }
        if let Some(key) = self.parameter("account-key") {
            builder = builder.with_access_key(key);
        }
        if let Some(token) = self.parameter("sas-token") {
            builder = builder.with_config(AzureConfigKey::SasKey, token);
        }
        if let Some(endpoint) = self.parameter("endpoint") {
            builder = builder.with_endpoint(endpoint.trim_end_matches('/').to_owned());
        }
        if let Some(key) = self.parameter("encryption-key") {
            builder = builder.with_encryption_key(key);
        }
        if self.flag("skip-signature")? == Some(true) {
            builder = builder.with_skip_signature(true);
        }
        Ok(builder)
    }
}

fn client_options(endpoint: Option<&str>) -> ClientOptions {
    ClientOptions::new()
        .with_timeout(REQUEST_TIMEOUT)
        .with_connect_timeout(CONNECT_TIMEOUT)
        .with_allow_http(endpoint.is_some_and(|e| e.starts_with("http://")))
}

fn retry() -> RetryConfig {
    let backoff = BackoffConfig { base: 3.0, ..BackoffConfig::default() };
    RetryConfig { retry_timeout: RETRY_TIMEOUT, max_retries: RETRIES, backoff }
}

/// Whether an endpoint is an address, in front of which no bucket's name can stand.
fn is_address(endpoint: &str) -> bool {
    let host = endpoint.split_once("://").map_or(endpoint, |(_, rest)| rest);
    let host = host.split('/').next().unwrap_or(host);
    host.parse::<std::net::SocketAddr>().is_ok() || host.parse::<std::net::IpAddr>().is_ok()
}

fn with_bucket_in_host(endpoint: &str, bucket: &str) -> String {
    match endpoint.split_once("://") {
        Some((_, host)) if host.starts_with(&format!("{bucket}.")) => endpoint.to_owned(),
        Some((scheme, host)) => format!("{scheme}://{bucket}.{host}"),
        None => endpoint.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_service_opens_without_a_request() {
        for url in [
            "s3://b/p?region=eu-west-1&access-key=a&secret-access-key=b",
            "s3://b/p?endpoint=http://127.0.0.1:9000",
            "s3://b/p?endpoint=https://s3.eu-west-1.amazonaws.com&access-key=a&secret-access-key=b",
            "oss://b/p?endpoint=https://oss-cn-hangzhou.aliyuncs.com&access-key=a&secret-access-key=b",
            "gs://b/p?endpoint=http://127.0.0.1:4443",
            "azure://c/p?account-name=acc&account-key=a2V5",
        ] {
            let store = Location::parse(url).unwrap().open().unwrap_or_else(|e| panic!("{url}: {e}"));
            assert_eq!(store.prefix.as_ref(), "p", "{url}");
        }
    }

    #[test]
    fn path_style_follows_lightnings_rules() {
        let virtual_hosted = |url: &str| {
            let l = Location::parse(url).unwrap();
            l.virtual_hosted(l.parameter("endpoint"), false).unwrap()
        };
        assert!(!virtual_hosted("s3://b/p"));
        assert!(!virtual_hosted("s3://b/p?endpoint=http://minio:9000"));
        assert!(virtual_hosted("s3://b/p?role-arn=arn:x"));
        assert!(!virtual_hosted("s3://b/p?role-arn=arn:x&endpoint=http://127.0.0.1:9000"));
        assert!(!virtual_hosted("oss://b/p?endpoint=http://[::1]:9000/"));
        assert!(virtual_hosted("s3://b/p?provider=aws"));
        assert!(virtual_hosted("s3://b/p?endpoint=https://s3.us-east-1.amazonaws.com"));
        assert!(!virtual_hosted("s3://b/p?provider=aws&force-path-style=true"));
        assert!(virtual_hosted("oss://b/p?endpoint=https://oss.aliyuncs.com&force-path-style=true"));
        assert_eq!(with_bucket_in_host("https://oss.x.com", "b"), "https://b.oss.x.com");
        assert_eq!(with_bucket_in_host("https://b.oss.x.com", "b"), "https://b.oss.x.com");
    }

    #[test]
    fn a_missing_folder_is_an_error_for_reading_and_made_for_writing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new/ledger");
        let location = Location::parse(path.to_str().unwrap()).unwrap();
        assert!(location.open().unwrap_err().to_string().contains("no such folder"));
        location.open_or_create().unwrap();
        location.open().unwrap();
    }

    #[test]
    fn a_profile_or_a_role_makes_an_identity_of_its_own() {
        let base = |url: &str| {
            let location = Location::parse(url).unwrap();
            location.open().unwrap();
            let identity = location.identity(&AmazonS3Builder::new())?;
            let base = match identity.base {
                Base::Profile(name) => name,
                Base::Keys(keys) => keys.access_key_id().to_owned(),
                Base::Environment => String::new(),
            };
            Some((base, identity.role.map(|role| (role.arn, role.external_id))))
        };
        let role = |id: Option<&str>| Some(("arn:x".to_owned(), id.map(str::to_owned)));
        assert_eq!(base("s3://b/p?access-key=a&secret-access-key=b"), None);
        assert_eq!(base("s3://b/p?profile=dev"), Some(("dev".to_owned(), None)));
        assert_eq!(base("s3://b/p?role-arn=arn:x"), Some((String::new(), role(None))));
        assert_eq!(
            base("s3://b/p?role-arn=arn:x&external-id=7&access-key=a&secret-access-key=b"),
            Some(("a".to_owned(), role(Some("7"))))
        );
    }
}
