//! Opens a [`Location`]: builds the client of the service it names.
//!
//! Credentials: what the URL gives wins; else the service's environment variables; else the machine's
//! identity (instance profile, web identity, container role). An `http://` endpoint without any
//! credentials is an emulator, which gets dummy ones rather than a long wait for a metadata service.

use std::sync::Arc;
use std::time::Duration;

use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::azure::{AzureConfigKey, MicrosoftAzureBuilder};
use object_store::gcp::GoogleCloudStorageBuilder;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{BackoffConfig, ClientOptions, ObjectStore, RetryConfig};

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
        for unsupported in ["profile"] {
            if self.parameter(unsupported).is_some() {
                return Err(Self::problem(
                    unsupported,
                    "shared configuration files are not read; export AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
                ));
            }
        }
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
        if let Some(role) = self.parameter("role-arn") {
            if builder.get_config_value(&AmazonS3ConfigKey::WebIdentityTokenFile).is_none() {
                return Err(Self::problem(
                    "role-arn",
                    "a role is assumed only with AWS_WEB_IDENTITY_TOKEN_FILE; else give the machine that role",
                ));
            }
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
        } else if !has_identity && endpoint.as_deref().is_some_and(|e| e.starts_with("http://")) {
            builder = builder.with_access_key_id("test").with_secret_access_key("test");
        }
        Ok(builder.with_client_options(client_options(endpoint.as_deref())))
    }

    /// Path style is Lightning's default, but not on the clouds that have given it up.
    fn virtual_hosted(&self, endpoint: Option<&str>, accelerate: bool) -> Result<bool, LocationError> {
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
        if let Some(endpoint) = self.parameter("endpoint") {
            builder = builder.with_base_url(endpoint.trim_end_matches('/'));
            if endpoint.starts_with("http://") && self.parameter("credentials-file").is_none() {
                builder = builder.with_skip_signature(true);
            }
        }
        if self.flag("skip-signature")? == Some(true) {
            builder = builder.with_skip_signature(true);
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
    fn a_parameter_that_cannot_be_honoured_is_an_error() {
        let error = Location::parse("s3://b/p?profile=dev").unwrap().open().unwrap_err();
        assert!(error.to_string().contains("profile"), "{error}");
    }
}
