//! Who reads the bucket: a profile of AWS's shared files, a role that is assumed.

use th_tests::{Cloud, Outcome, Running, Target, data};

/// Lists the dump in the bucket with parameters of its URL and an environment without keys.
async fn listed(cloud: &Cloud, parameters: &str, environment: &[(&str, String)]) -> Outcome {
    let source = format!("s3://bucket/dump?endpoint={}&region=us-east-1{parameters}", cloud.endpoint());
    let arguments: Vec<String> = ["plan", "--dry-run", "--source", &source].map(str::to_owned).into();
    Running::start(&arguments, environment).wait().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_profile_is_read_and_a_role_is_assumed() {
    let (cloud, target) = (Cloud::start().await, Target::start().await);
    cloud.upload(&data("dumps/csv"), "dump").await;
    let credentials = target.path("credentials");
    std::fs::write(&credentials, "[reader]\naws_access_key_id = reader\naws_secret_access_key = secret\n")
        .expect("a file");
    let environment = [
        ("AWS_SHARED_CREDENTIALS_FILE", credentials.display().to_string()),
        ("AWS_EC2_METADATA_DISABLED", "true".to_owned()),
        ("AWS_REGION", "us-east-1".to_owned()),
        ("AWS_ENDPOINT_URL_STS", cloud.endpoint()),
    ];
    let role = "role-arn=arn:aws:iam::000000000000:role/importer&external-id=seven";
    for parameters in [
        "&profile=reader".to_owned(),
        format!("&profile=reader&{role}"),
        format!("&access-key=AK&secret-access-key=SK&{role}"),
    ] {
        let outcome = listed(&cloud, &parameters, &environment).await.succeeded();
        assert!(
            outcome.out.contains(".csv") || outcome.out.contains(" files"),
            "{parameters}: {}",
            outcome.out
        );
    }
    let nobody = listed(&cloud, "&profile=nobody", &environment).await;
    nobody.failed_with("TH0002", &["s3://bucket/dump", "nobody"]);
    let mut nowhere = environment.to_vec();
    nowhere[3].1 = "http://127.0.0.1:9".to_owned();
    listed(&cloud, &format!("&profile=reader&{role}"), &nowhere)
        .await
        .failed_with("TH0002", &["s3://bucket/dump"]);
}
