//! Dump and ledger in Google Cloud Storage.

use th_gcs_double::GcsDouble;
use th_tests::{Emulator, Running, Target, data, digests, expected};

/// A bucket with the dump under `dump/`.
async fn bucket() -> GcsDouble {
    let double = GcsDouble::start(0).await.expect("a port");
    double.make_bucket("bucket");
    for (name, body) in dump() {
        let url = format!("{}/bucket/dump%2F{name}", double.endpoint());
        let answer = reqwest::Client::new().put(url).body(body).send().await;
        answer.and_then(reqwest::Response::error_for_status).expect("an upload");
    }
    double
}

/// Names and bytes of the dump's files.
fn dump() -> impl Iterator<Item = (String, Vec<u8>)> {
    std::fs::read_dir(data("dumps/sql")).expect("the dump").map(|entry| {
        let path = entry.expect("an entry").path();
        let name = path.file_name().and_then(|name| name.to_str()).expect("a name").to_owned();
        (name, std::fs::read(&path).expect("a file"))
    })
}

fn arguments(command: &str, target: &Target, parameters: &str) -> Vec<String> {
    let mut arguments: Vec<String> = [
        command,
        "--source",
        &format!("gs://bucket/dump?{parameters}"),
        "--ledger",
        &format!("gs://bucket/ledger?{parameters}"),
        "--import-id",
        "gcs",
    ]
    .map(str::to_owned)
    .to_vec();
    arguments.extend(target.flags());
    arguments
}

async fn verify(target: &Target) {
    assert_eq!(digests(target.playground.tidb_port()).await, expected(&data("dumps/expected.json")));
}

#[tokio::test(flavor = "multi_thread")]
async fn dump_and_ledger_are_in_a_bucket() {
    let (double, target) = (bucket().await, Target::start().await);
    let parameters = format!("endpoint={}", double.endpoint());
    Running::start(&arguments("import", &target, &parameters), &[]).wait().await.succeeded();
    verify(&target).await;
    let again = Running::start(&arguments("import", &target, &parameters), &[]).wait().await.succeeded();
    assert!(again.out.contains("gs://bucket/ledger/gcs"), "the marker is found again: {}", again.out);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_machines_account_gives_the_token() {
    let (double, target) = (bucket().await, Target::start().await);
    double.require_token();
    let parameters = format!("endpoint={}&skip-signature=false", double.endpoint());
    let machine = double.endpoint().replace("http://", "");
    let environment = [("GCE_METADATA_HOST", machine), ("HOME", target.folder.path().display().to_string())];
    Running::start(&arguments("import", &target, &parameters), &environment).wait().await.succeeded();
    verify(&target).await;
    // Without a token there is nothing to see.
    let stranger = format!("endpoint={}", double.endpoint());
    let refused = Running::start(&arguments("import", &target, &stranger), &[]).wait().await;
    refused.failed_with("TH0040", &["gs://bucket/ledger"]);
}

/// Another's emulator, which can be read, not written, by the XML API.
#[tokio::test(flavor = "multi_thread")]
async fn a_dump_is_read_from_an_emulator_of_others() {
    if std::process::Command::new("go").arg("version").output().is_err() {
        eprintln!("*** SKIPPED: fake-gcs-server is built with Go, which is not installed");
        return;
    }
    let (emulator, target) = (Emulator::start("fake-gcs").await, Target::start().await);
    let client = reqwest::Client::new();
    let json = format!("{}/storage/v1/b?project=tests", emulator.endpoint());
    let answer = client.post(json).body(r#"{"name":"bucket"}"#).send().await;
    answer.and_then(reqwest::Response::error_for_status).expect("a bucket");
    for (name, body) in dump() {
        let url = format!(
            "{}/upload/storage/v1/b/bucket/o?uploadType=media&name=dump%2F{name}",
            emulator.endpoint()
        );
        let answer = client.post(url).body(body).send().await;
        answer.and_then(reqwest::Response::error_for_status).expect("an upload");
    }
    let source = format!("gs://bucket/dump?endpoint={}", emulator.endpoint());
    target.import_from(&["--source", &source]).await.succeeded();
    verify(&target).await;
}
